/* crash.h - the last words of a shim that a signal kills. */
#ifndef TTRPC_CRASH_H
#define TTRPC_CRASH_H

#define CRASH_FILE "/run/coracle/shim.log"

/* From now on a signal that means an error of ours (SIGSEGV, SIGABRT, ...) is named in a line on
 * stderr and in CRASH_FILE, with who sent it or which address was meant, and our command line; then
 * it kills us as it would have. A program that takes our place has its own ways again. */
void crash_tell(void);

#endif
