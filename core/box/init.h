/* init.h - the first process of a container that has one of ours. */
#ifndef BOX_INIT_H
#define BOX_INIT_H

/* The last part of where it is in the container, which is argv[0], by which main() knows it. */
#define INIT_NAME "coracle-init"

/* Starts the command argv[1...] as a child in a process group of its own, with the terminal if
 * there is one; passes on to it every signal that can be; reaps whatever ends. Exits when the child
 * has ended, with its status or 128 and the signal. */
_Noreturn void init(char **argv);

#endif
