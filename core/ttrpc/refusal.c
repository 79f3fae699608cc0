/* refusal.c - what a process's state forbids, in the words of containerd's own shim, which clients
 * know. */
#include "ttrpc/refusal.h"

#define PAUSED (MEMBER_STOPPED + 1)

static const char *const refusals[][PAUSED + 1] = {
	[VERB_START] = { [MEMBER_STARTING] = "cannot start a running process",
			 [MEMBER_RUNNING] = "cannot start a running process",
			 [PAUSED] = "cannot start a paused process",
			 [MEMBER_STOPPED] = "cannot start a stopped process" },
	[VERB_DELETE] = { [MEMBER_STARTING] = "cannot delete a running process",
			  [MEMBER_RUNNING] = "cannot delete a running process",
			  [PAUSED] = "cannot delete a paused process" },
	[VERB_EXEC] = { [PAUSED] = "cannot exec in a paused state",
			[MEMBER_STOPPED] = "cannot exec in a stopped state" },
	[VERB_PAUSE] = { [MEMBER_CREATED] = "cannot pause task in created state",
			 [MEMBER_STARTING] = "cannot pause task in created state",
			 [PAUSED] = "cannot pause a paused container",
			 [MEMBER_STOPPED] = "cannot pause a stopped container" },
	[VERB_RESUME] = { [MEMBER_CREATED] = "cannot resume task in created state",
			  [MEMBER_STARTING] = "cannot resume task in created state",
			  [MEMBER_RUNNING] = "cannot resume a running process",
			  [MEMBER_STOPPED] = "cannot resume a stopped container" },
	[VERB_CHECKPOINT] = { [MEMBER_CREATED] = "cannot checkpoint a task in created state",
			      [MEMBER_STARTING] = "cannot checkpoint a task in created state",
			      [MEMBER_STOPPED] = "cannot checkpoint a stopped container" },
	[VERB_UPDATE] = { [MEMBER_STOPPED] = "cannot update a stopped container" },
};

int member_may(const struct member *m, enum verb verb, struct err *e)
{
	bool paused = m->state == MEMBER_RUNNING && m->task->paused && !*m->exec_id;
	const char *why = refusals[verb][paused ? PAUSED : (int)m->state];
	if (m->task->deleting && !(verb == VERB_DELETE && *m->exec_id))
		return rpc_fail(e, RPC_FAILED_PRECONDITION, "container %s is being deleted",
				m->task->id);
	return why ? rpc_fail(e, RPC_FAILED_PRECONDITION, "%s", why) : 0;
}
