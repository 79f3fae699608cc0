/* spec_default.c - the configuration to start from, as `runc spec` prints it. */
#include "oci/spec.h"

#include <string.h>

/* With ' for ", so that it can be read here too. */
#define CAPS "['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE']"
#define START                                                                                   \
	"{'ociVersion':'" SPEC_VERSION "','process':{'terminal':true,'user':{'uid':0,'gid':0}," \
	"'args':['sh'],"                                                                        \
	"'env':['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',"           \
	"'TERM=xterm'],'cwd':'/',"                                                              \
	"'capabilities':{'bounding':" CAPS ",'effective':" CAPS ",'permitted':" CAPS "},"       \
	"'rlimits':[{'type':'RLIMIT_NOFILE','hard':1024,'soft':1024}],"                         \
	"'noNewPrivileges':true},"                                                              \
	"'root':{'path':'rootfs','readonly':true},'hostname':'runc',"                           \
	"'mounts':[{'destination':'/proc','type':'proc','source':'proc'},"                      \
	"{'destination':'/dev','type':'tmpfs','source':'tmpfs',"                                \
	"'options':['nosuid','strictatime','mode=755','size=65536k']},"
#define PTS                                                            \
	"{'destination':'/dev/pts','type':'devpts','source':'devpts'," \
	"'options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620'"
#define MIDDLE                                                              \
	"]},{'destination':'/dev/shm','type':'tmpfs','source':'shm',"       \
	"'options':['nosuid','noexec','nodev','mode=1777','size=65536k']}," \
	"{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue',"   \
	"'options':['nosuid','noexec','nodev']},"
#define SYS                                                      \
	"{'destination':'/sys','type':'sysfs','source':'sysfs'," \
	"'options':['nosuid','noexec','nodev','ro']},"
#define SYS_BOUND                                              \
	"{'destination':'/sys','type':'none','source':'/sys'," \
	"'options':['rbind','nosuid','noexec','nodev','ro']},"
#define CGROUP                                                               \
	"{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup'," \
	"'options':['nosuid','noexec','nodev','relatime','ro']}],"
#define END                                                                                 \
	"'maskedPaths':['/proc/acpi','/proc/asound','/proc/kcore','/proc/keys',"            \
	"'/proc/latency_stats','/proc/timer_list','/proc/timer_stats','/proc/sched_debug'," \
	"'/sys/firmware','/proc/scsi'],"                                                    \
	"'readonlyPaths':['/proc/bus','/proc/fs','/proc/irq','/proc/sys',"                  \
	"'/proc/sysrq-trigger']}}"

static const char of_root[] = START PTS
	",'gid=5'" MIDDLE SYS CGROUP
	"'linux':{'resources':{'devices':[{'allow':false,'access':'rwm'}]},"
	"'namespaces':[{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},"
	"{'type':'mount'},{'type':'cgroup'}]," END;

/* No gid=5, which is not mapped; no network namespace, so sysfs cannot be mounted but bound. */
static const char of_others[] = START PTS MIDDLE SYS_BOUND CGROUP
	"'linux':{'uidMappings':[{'containerID':0,'hostID':0,'size':1}],"
	"'gidMappings':[{'containerID':0,'hostID':0,'size':1}],"
	"'namespaces':[{'type':'pid'},{'type':'ipc'},{'type':'uts'},{'type':'mount'},"
	"{'type':'cgroup'},{'type':'user'}]," END;

static void without(struct spec *s, const char *type)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->linux_->namespaces.n; i++)
		if (strcmp(s->linux_->namespaces.v[i].type, type) != 0)
			s->linux_->namespaces.v[kept++] = s->linux_->namespaces.v[i];
	s->linux_->namespaces.n = kept;
}

int spec_default(const struct spec_default_options *o, struct arena *a, struct spec **out,
		 struct err *e)
{
	char *text = arena_str(a, o->rootless ? of_others : of_root);
	struct spec *s = arena_alloc(a, sizeof(*s));
	if (!text || !s)
		return fail(e, ENOMEM, "the default configuration");
	for (char *p = text; (p = strchr(p, '\''));)
		*p = '"';
	int rc = json_read(text, strlen(text), spec_fields, s, a, e);
	if (rc < 0)
		return within(e, "the default configuration");
	if (!o->unified)
		without(s, "cgroup");
	if (o->rootless) {
		s->linux_->uid_mappings.v[0].host_id = o->uid;
		s->linux_->gid_mappings.v[0].host_id = o->gid;
	}
	*out = s;
	return 0;
}
