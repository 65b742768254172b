"""Netlink as bytes in, events out: no socket, no clock, nothing but the standard library.

Wire knowledge is written once, as tables of rows (number, name, kind): the same row decodes and
encodes.  What a table does not know is kept as it came, so a decoded message encodes to the bytes it
was made from.  Broken input ends in :class:`nld.errors.MalformedMessage` with a byte offset and in
nothing else.

``header``      the message header, splitting a datagram into messages
``attribute``   type-length-value attributes and the tables over them
``form``        fixed header + attribute table = one kind of message
``extack``      acknowledgements, errors, and the kernel's words about them
``exchange``    which reply belongs to which request
``registry``    the kernel's numbers by the kernel's names
``catalogue``   every message type that has a form; names for what extack points at
``route``, ``encapsulation``, ``link``, ``address``, ``nexthop``, ``rule``   the messages
``shape``, ``template``   the bulk paths: many routes that differ in their destination only
"""
