/* applets.h - every applet's description, each in the file of its name. */
#ifndef APPLETS_H
#define APPLETS_H

#include "base/cli.h"

extern const struct command applet_hello;
extern const struct command applet_runtime;

#endif
