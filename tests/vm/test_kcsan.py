"""Reading KCSAN's reports: which races are a module's."""

from __future__ import annotations

from .kcsan import races
from .kernel_log import reports

LOG = """\
eth0: link becomes ready
==================================================================
BUG: KCSAN: data-race in table_change [nld] / nld_trie_lookup [nld]

write (marked) to 0xffff888003a1b2c0 of 8 bytes by task 312 on cpu 1:
 table_change+0x1a2/0x3f0 [nld]
 nld_table_new+0x88/0x120 [nld]

read to 0xffff888003a1b2c0 of 8 bytes by task 313 on cpu 0:
 nld_trie_lookup+0x40/0x90 [nld]

value changed: 0x0000000000000000 -> 0xffff888003a1b300

Reported by Kernel Sanitizer on:
CPU: 0 PID: 313 Comm: mutate Not tainted
==================================================================
==================================================================
BUG: KCSAN: data-race in rb_insert_color / rb_next

write to 0xffff888003a1b2c0 of 8 bytes by task 312 on cpu 1:
 rb_insert_color+0x1a2/0x3f0
 nld_timer_add+0x88/0x120 [nld]

race at unknown origin, with read to 0xffff888003a1b2c0 of 8 bytes by task 313 on cpu 0:
 rb_next+0x40/0x90
 timerqueue_del+0x1/0x2

Reported by Kernel Sanitizer on:
==================================================================
==================================================================
BUG: KCSAN: data-race in neigh_update / ip_finish_output2

read-write to 0xffff888003a1b2c0 of 8 bytes by interrupt on cpu 1:
 neigh_update+0x1a2/0x3f0
 arp_process+0x1/0x2

read to 0xffff888003a1b2c0 of 8 bytes by task 313 on cpu 0:
 ip_finish_output2+0x40/0x90
 ip_output+0x1/0x2
 nld_forward+0x1/0x2 [nld]

Reported by Kernel Sanitizer on:
==================================================================
==================================================================
BUG: KCSAN: data-race in half_told / of_it
"""


def test_a_race_is_a_modules_if_an_access_is() -> None:
    found = list(races(LOG.splitlines()))
    assert [len(race.stacks) for race in found] == [2, 2, 2]
    assert [race.of("nld") for race in found] == [True, True, False]
    assert [race.of("other") for race in found] == [False] * 3
    assert len(reports(LOG)) == 2  # and both are told whole
    assert all("Reported by" in text for text in reports(LOG))
    assert found[0].title == "data-race in table_change [nld] / nld_trie_lookup [nld]"
    assert found[1].stacks[0][1] == "nld_timer_add+0x88/0x120 [nld]"
