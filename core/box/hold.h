/* hold.h - the process that holds the namespaces of a pod. */
#ifndef BOX_HOLD_H
#define BOX_HOLD_H

#define HOLD_NAME "coracle-pod" /* argv[0] of this program, when it is to be that process */

/* Closes stdout: its parent may end now. Does nothing until it is killed, or who is its parent then
 * ends as well. As the init of a pid namespace it leaves no zombie of others. */
_Noreturn void hold(void);

#endif
