/* A probe's note, as systemtap defined its format: where the probe is, and where its arguments are then. */
#pragma once

#define STRING_OF(text) #text
#define STRING(text) STRING_OF(text)

/* Prelink moves this section like code, but not the notes: by it readers of the notes tell how far. */
static const char stapsdt_base[1] __attribute__((section(".stapsdt.base"), used));

/* The probe is `code`, which does nothing; `semaphore` is a symbol, or 0. For asm volatile. */
#define USDT_PROBE_AT(code, provider, name, semaphore, arguments)                                                      \
	"1:	" code "\n"                                                                                            \
	"	.pushsection .note.stapsdt, \"\", %%note\n"                                                            \
	"	.balign 4\n"                                                                                           \
	"	.4byte 3f - 2f, 5f - 4f, 3\n"                                                                          \
	"2:	.asciz \"stapsdt\"\n"                                                                                  \
	"3:	.balign 4\n"                                                                                           \
	"4:	.8byte 1b, stapsdt_base, " STRING(semaphore) "\n"                                                      \
	"	.asciz \"" provider "\", \"" name "\", \"" arguments "\"\n"                                            \
	"5:	.balign 4\n"                                                                                           \
	"	.popsection\n"

#define USDT_PROBE(name, arguments) USDT_PROBE_AT("nop", "bpflab", name, 0, arguments)
