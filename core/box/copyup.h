/* copyup.h - what a directory holds, copied into another: for a tmpfs over it. */
#ifndef BOX_COPYUP_H
#define BOX_COPYUP_H

/* Copies all below the directory `from` (any descriptor of it) into the directory `to`, with
 * owners, modes, times, extended attributes where the file system takes them, links and special
 * files. No link is followed, and what is swapped meanwhile leads nowhere else. System calls only:
 * the child uses this. -errno. */
int copyup(int from, int to);

#endif
