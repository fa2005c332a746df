"""Statically defined probes of user space (USDT): notes, arguments, and what programs are told of them."""
