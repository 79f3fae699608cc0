/* identity.h - an identity token that processes hand round, as it may be good for once. */
#ifndef IMAGE_IDENTITY_H
#define IMAGE_IDENTITY_H

#include "base/arena.h"
#include "base/err.h"

/* It lies in a box of ours and of all that are forked off from now on: who needs it takes it out,
 * and puts back what it is by then. */
struct identity {
	int box[2]; /* 0: there is none */
	int alive;  /* ends when who has it does */
	int hold;   /* of who has it; -1 */
	int heard;  /* signals that end the wait */
};

/* A box with that token in it. Whose registry it is is for errors. */
int identity_share(struct identity *i, const char *token, const char *whose, struct err *e);

/* Waits until nobody else has it. Whoever waits is ended (-EINTR) by the signals that would end him
 * also while he has blocked them, and -EIO says that who had it has died with it. */
int identity_take(struct identity *i, const char *whose, struct arena *a, const char **token,
		  struct err *e);
int identity_put(struct identity *i, const char *token, const char *whose, struct err *e);

void identity_close(struct identity *i);

#endif
