"""The kernel side: the only code that touches AF_NETLINK.

``send_netlink_message_to_kernel`` is the way out; ``KernelTable`` the interface to the layers above.
"""

from nld.kernel.socket import send_netlink_message_to_kernel

__all__ = ["send_netlink_message_to_kernel"]
