/* spec_fields.c - the names of config.json, as tables: one object of the OCI spec, one table. */
#include "oci/spec.h"

static const struct json_field size_fields[] = {
	JSON_F(J_U64, spec_size, height, "height", J_KEEP),
	JSON_F(J_U64, spec_size, width, "width", J_KEEP),
	{ 0 },
};

static const struct json_field user_fields[] = {
	JSON_F(J_U32, spec_user, uid, "uid", J_KEEP),
	JSON_F(J_U32, spec_user, gid, "gid", J_KEEP),
	JSON(J_OPT_I64, spec_user, umask, "umask"),
	JSON(J_U32S, spec_user, additional_gids, "additionalGids"),
	JSON(J_STR, spec_user, username, "username"),
	{ 0 },
};

static const struct json_field capability_fields[] = {
	JSON(J_STRS, spec_capabilities, bounding, "bounding"),
	JSON(J_STRS, spec_capabilities, effective, "effective"),
	JSON(J_STRS, spec_capabilities, inheritable, "inheritable"),
	JSON(J_STRS, spec_capabilities, permitted, "permitted"),
	JSON(J_STRS, spec_capabilities, ambient, "ambient"),
	{ 0 },
};

static const struct json_field rlimit_fields[] = {
	JSON_F(J_STR, spec_rlimit, type, "type", J_REQUIRED),
	JSON_F(J_U64, spec_rlimit, hard, "hard", J_KEEP),
	JSON_F(J_U64, spec_rlimit, soft, "soft", J_KEEP),
	{ 0 },
};

static const struct json_field scheduler_fields[] = {
	JSON_F(J_STR, spec_scheduler, policy, "policy", J_REQUIRED),
	JSON(J_INT, spec_scheduler, nice, "nice"),
	JSON(J_INT, spec_scheduler, priority, "priority"),
	JSON(J_STRS, spec_scheduler, flags, "flags"),
	JSON(J_U64, spec_scheduler, runtime, "runtime"),
	JSON(J_U64, spec_scheduler, deadline, "deadline"),
	JSON(J_U64, spec_scheduler, period, "period"),
	{ 0 },
};

static const struct json_field io_priority_fields[] = {
	JSON_F(J_STR, spec_io_priority, cls, "class", J_REQUIRED),
	JSON_F(J_INT, spec_io_priority, priority, "priority", J_KEEP),
	{ 0 },
};

static const struct json_field exec_affinity_fields[] = {
	JSON(J_STR, spec_exec_affinity, initial, "initial"),
	JSON(J_STR, spec_exec_affinity, final, "final"),
	{ 0 },
};

const struct json_field spec_process_fields[] = {
	JSON(J_BOOL, spec_process, terminal, "terminal"),
	JSON_SUB(J_PTR, spec_process, console_size, "consoleSize", size_fields, spec_size),
	JSON_SUB(J_STRUCT, spec_process, user, "user", user_fields, spec_user),
	JSON(J_STRS, spec_process, args, "args"),
	JSON(J_STRS, spec_process, env, "env"),
	JSON_F(J_STR, spec_process, cwd, "cwd", J_KEEP),
	JSON_SUB(J_PTR, spec_process, capabilities, "capabilities", capability_fields,
		 spec_capabilities),
	JSON_SUB(J_LIST, spec_process, rlimits, "rlimits", rlimit_fields, spec_rlimit),
	JSON(J_BOOL, spec_process, no_new_privileges, "noNewPrivileges"),
	JSON(J_STR, spec_process, apparmor_profile, "apparmorProfile"),
	JSON(J_OPT_I64, spec_process, oom_score_adj, "oomScoreAdj"),
	JSON_SUB(J_PTR, spec_process, scheduler, "scheduler", scheduler_fields, spec_scheduler),
	JSON(J_STR, spec_process, selinux_label, "selinuxLabel"),
	JSON_SUB(J_PTR, spec_process, io_priority, "ioPriority", io_priority_fields,
		 spec_io_priority),
	JSON_SUB(J_PTR, spec_process, exec_affinity, "execCPUAffinity", exec_affinity_fields,
		 spec_exec_affinity),
	{ 0 },
};

static const struct json_field root_fields[] = {
	JSON_F(J_STR, spec_root, path, "path", J_KEEP),
	JSON(J_BOOL, spec_root, readonly, "readonly"),
	{ 0 },
};

static const struct json_field id_mapping_fields[] = {
	JSON_F(J_U32, spec_id_mapping, container_id, "containerID", J_KEEP),
	JSON_F(J_U32, spec_id_mapping, host_id, "hostID", J_KEEP),
	JSON_F(J_U32, spec_id_mapping, size, "size", J_KEEP),
	{ 0 },
};

const struct json_field spec_mount_fields[] = {
	JSON_F(J_STR, spec_mount, destination, "destination", J_KEEP),
	JSON(J_STR, spec_mount, type, "type"),
	JSON(J_STR, spec_mount, source, "source"),
	JSON(J_STRS, spec_mount, options, "options"),
	JSON_SUB(J_LIST, spec_mount, uid_mappings, "uidMappings", id_mapping_fields,
		 spec_id_mapping),
	JSON_SUB(J_LIST, spec_mount, gid_mappings, "gidMappings", id_mapping_fields,
		 spec_id_mapping),
	{ 0 },
};

static const struct json_field hook_fields[] = {
	JSON_F(J_STR, spec_hook, path, "path", J_REQUIRED),
	JSON(J_STRS, spec_hook, args, "args"),
	JSON(J_STRS, spec_hook, env, "env"),
	JSON(J_OPT_I64, spec_hook, timeout, "timeout"),
	{ 0 },
};

static const struct json_field hooks_fields[] = {
	JSON_SUB(J_LIST, spec_hooks, prestart, "prestart", hook_fields, spec_hook),
	JSON_SUB(J_LIST, spec_hooks, create_runtime, "createRuntime", hook_fields, spec_hook),
	JSON_SUB(J_LIST, spec_hooks, create_container, "createContainer", hook_fields, spec_hook),
	JSON_SUB(J_LIST, spec_hooks, start_container, "startContainer", hook_fields, spec_hook),
	JSON_SUB(J_LIST, spec_hooks, poststart, "poststart", hook_fields, spec_hook),
	JSON_SUB(J_LIST, spec_hooks, poststop, "poststop", hook_fields, spec_hook),
	{ 0 },
};

static const struct json_field namespace_fields[] = {
	JSON_F(J_STR, spec_namespace, type, "type", J_REQUIRED),
	JSON(J_STR, spec_namespace, path, "path"),
	{ 0 },
};

static const struct json_field device_fields[] = {
	JSON_F(J_STR, spec_device, path, "path", J_REQUIRED),
	JSON_F(J_STR, spec_device, type, "type", J_REQUIRED),
	JSON_F(J_I64, spec_device, major, "major", J_KEEP),
	JSON_F(J_I64, spec_device, minor, "minor", J_KEEP),
	JSON(J_OPT_U64, spec_device, file_mode, "fileMode"),
	JSON(J_OPT_I64, spec_device, uid, "uid"),
	JSON(J_OPT_I64, spec_device, gid, "gid"),
	{ 0 },
};

static const struct json_field device_rule_fields[] = {
	JSON_F(J_BOOL, spec_device_rule, allow, "allow", J_KEEP),
	JSON(J_STR, spec_device_rule, type, "type"),
	JSON(J_OPT_I64, spec_device_rule, major, "major"),
	JSON(J_OPT_I64, spec_device_rule, minor, "minor"),
	JSON(J_STR, spec_device_rule, access, "access"),
	{ 0 },
};

static const struct json_field memory_fields[] = {
	JSON(J_OPT_I64, spec_memory, limit, "limit"),
	JSON(J_OPT_I64, spec_memory, reservation, "reservation"),
	JSON(J_OPT_I64, spec_memory, swap, "swap"),
	JSON(J_OPT_I64, spec_memory, kernel, "kernel"),
	JSON(J_OPT_I64, spec_memory, kernel_tcp, "kernelTCP"),
	JSON(J_OPT_U64, spec_memory, swappiness, "swappiness"),
	JSON(J_OPT_BOOL, spec_memory, disable_oom_killer, "disableOOMKiller"),
	JSON(J_OPT_BOOL, spec_memory, use_hierarchy, "useHierarchy"),
	JSON(J_OPT_BOOL, spec_memory, check_before_update, "checkBeforeUpdate"),
	{ 0 },
};

static const struct json_field cpu_fields[] = {
	JSON(J_OPT_U64, spec_cpu, shares, "shares"),
	JSON(J_OPT_I64, spec_cpu, quota, "quota"),
	JSON(J_OPT_U64, spec_cpu, burst, "burst"),
	JSON(J_OPT_U64, spec_cpu, period, "period"),
	JSON(J_OPT_I64, spec_cpu, realtime_runtime, "realtimeRuntime"),
	JSON(J_OPT_U64, spec_cpu, realtime_period, "realtimePeriod"),
	JSON(J_STR, spec_cpu, cpus, "cpus"),
	JSON(J_STR, spec_cpu, mems, "mems"),
	JSON(J_OPT_I64, spec_cpu, idle, "idle"),
	{ 0 },
};

/* pids has one field: it stands for the object. */
static const struct json_field pids_fields[] = {
	{ .name = "limit", .type = J_OPT_I64 },
	{ 0 },
};

static const struct json_field throttle_fields[] = {
	JSON_F(J_I64, spec_throttle, major, "major", J_KEEP),
	JSON_F(J_I64, spec_throttle, minor, "minor", J_KEEP),
	JSON_F(J_U64, spec_throttle, rate, "rate", J_KEEP),
	{ 0 },
};

static const struct json_field weight_device_fields[] = {
	JSON_F(J_I64, spec_weight_device, major, "major", J_KEEP),
	JSON_F(J_I64, spec_weight_device, minor, "minor", J_KEEP),
	JSON(J_OPT_U64, spec_weight_device, weight, "weight"),
	JSON(J_OPT_U64, spec_weight_device, leaf_weight, "leafWeight"),
	{ 0 },
};

static const struct json_field block_io_fields[] = {
	JSON(J_OPT_U64, spec_block_io, weight, "weight"),
	JSON(J_OPT_U64, spec_block_io, leaf_weight, "leafWeight"),
	JSON_SUB(J_LIST, spec_block_io, weight_device, "weightDevice", weight_device_fields,
		 spec_weight_device),
	JSON_SUB(J_LIST, spec_block_io, read_bps, "throttleReadBpsDevice", throttle_fields,
		 spec_throttle),
	JSON_SUB(J_LIST, spec_block_io, write_bps, "throttleWriteBpsDevice", throttle_fields,
		 spec_throttle),
	JSON_SUB(J_LIST, spec_block_io, read_iops, "throttleReadIOPSDevice", throttle_fields,
		 spec_throttle),
	JSON_SUB(J_LIST, spec_block_io, write_iops, "throttleWriteIOPSDevice", throttle_fields,
		 spec_throttle),
	{ 0 },
};

static const struct json_field hugepage_fields[] = {
	JSON_F(J_STR, spec_hugepage, page_size, "pageSize", J_REQUIRED),
	JSON_F(J_U64, spec_hugepage, limit, "limit", J_KEEP),
	{ 0 },
};

static const struct json_field if_priority_fields[] = {
	JSON_F(J_STR, spec_if_priority, name, "name", J_REQUIRED),
	JSON_F(J_U32, spec_if_priority, priority, "priority", J_KEEP),
	{ 0 },
};

static const struct json_field network_fields[] = {
	JSON(J_OPT_U64, spec_network, class_id, "classID"),
	JSON_SUB(J_LIST, spec_network, priorities, "priorities", if_priority_fields,
		 spec_if_priority),
	{ 0 },
};

static const struct json_field rdma_fields[] = {
	JSON(J_OPT_U64, spec_rdma, hca_handles, "hcaHandles"),
	JSON(J_OPT_U64, spec_rdma, hca_objects, "hcaObjects"),
	{ 0 },
};

const struct json_field spec_resources_fields[] = {
	JSON(J_PAIRS, spec_resources, unified, "unified"),
	JSON_SUB(J_LIST, spec_resources, devices, "devices", device_rule_fields, spec_device_rule),
	JSON_SUB(J_PTR, spec_resources, memory, "memory", memory_fields, spec_memory),
	JSON_SUB(J_PTR, spec_resources, cpu, "cpu", cpu_fields, spec_cpu),
	JSON_SUB(J_STRUCT, spec_resources, pids_limit, "pids", pids_fields, opt_i64),
	JSON_SUB(J_PTR, spec_resources, block_io, "blockIO", block_io_fields, spec_block_io),
	JSON_SUB(J_LIST, spec_resources, hugepages, "hugepageLimits", hugepage_fields,
		 spec_hugepage),
	JSON_SUB(J_PTR, spec_resources, network, "network", network_fields, spec_network),
	JSON_SUB(J_DICT, spec_resources, rdma, "rdma", rdma_fields, spec_rdma),
	{ 0 },
};

static const struct json_field seccomp_arg_fields[] = {
	JSON_F(J_U32, spec_seccomp_arg, index, "index", J_KEEP),
	JSON_F(J_U64, spec_seccomp_arg, value, "value", J_KEEP),
	JSON(J_U64, spec_seccomp_arg, value_two, "valueTwo"),
	JSON_F(J_STR, spec_seccomp_arg, op, "op", J_REQUIRED),
	{ 0 },
};

static const struct json_field seccomp_rule_fields[] = {
	JSON(J_STRS, spec_seccomp_rule, names, "names"),
	JSON_F(J_STR, spec_seccomp_rule, action, "action", J_REQUIRED),
	JSON(J_OPT_U64, spec_seccomp_rule, errno_ret, "errnoRet"),
	JSON_SUB(J_LIST, spec_seccomp_rule, args, "args", seccomp_arg_fields, spec_seccomp_arg),
	{ 0 },
};

static const struct json_field seccomp_fields[] = {
	JSON_F(J_STR, spec_seccomp, default_action, "defaultAction", J_KEEP),
	JSON(J_OPT_U64, spec_seccomp, default_errno_ret, "defaultErrnoRet"),
	JSON(J_STRS, spec_seccomp, architectures, "architectures"),
	JSON(J_STRS, spec_seccomp, flags, "flags"),
	JSON(J_STR, spec_seccomp, listener_path, "listenerPath"),
	JSON(J_STR, spec_seccomp, listener_metadata, "listenerMetadata"),
	JSON_SUB(J_LIST, spec_seccomp, syscalls, "syscalls", seccomp_rule_fields,
		 spec_seccomp_rule),
	{ 0 },
};

static const struct json_field time_offset_fields[] = {
	JSON_F(J_I64, spec_time_offset, secs, "secs", J_KEEP),
	JSON(J_U32, spec_time_offset, nanosecs, "nanosecs"),
	{ 0 },
};

static const struct json_field personality_fields[] = {
	JSON_F(J_STR, spec_personality, domain, "domain", J_REQUIRED),
	JSON(J_STRS, spec_personality, flags, "flags"),
	{ 0 },
};

static const struct json_field net_device_fields[] = {
	JSON(J_STR, spec_net_device, name, "name"),
	{ 0 },
};

static const struct json_field memory_policy_fields[] = {
	JSON_F(J_STR, spec_memory_policy, mode, "mode", J_KEEP),
	JSON(J_STR, spec_memory_policy, nodes, "nodes"),
	JSON(J_STRS, spec_memory_policy, flags, "flags"),
	{ 0 },
};

const struct json_field spec_intel_rdt_fields[] = {
	JSON(J_STR, spec_intel_rdt, clos_id, "closID"),
	JSON(J_STRS, spec_intel_rdt, schemata, "schemata"),
	JSON(J_STR, spec_intel_rdt, l3_cache_schema, "l3CacheSchema"),
	JSON(J_STR, spec_intel_rdt, mem_bw_schema, "memBwSchema"),
	JSON(J_BOOL, spec_intel_rdt, enable_monitoring, "enableMonitoring"),
	{ 0 },
};

static const struct json_field linux_fields[] = {
	JSON_SUB(J_LIST, spec_linux, uid_mappings, "uidMappings", id_mapping_fields,
		 spec_id_mapping),
	JSON_SUB(J_LIST, spec_linux, gid_mappings, "gidMappings", id_mapping_fields,
		 spec_id_mapping),
	JSON(J_PAIRS, spec_linux, sysctl, "sysctl"),
	JSON_SUB(J_PTR, spec_linux, resources, "resources", spec_resources_fields, spec_resources),
	JSON(J_STR, spec_linux, cgroups_path, "cgroupsPath"),
	JSON_SUB(J_LIST, spec_linux, namespaces, "namespaces", namespace_fields, spec_namespace),
	JSON_SUB(J_LIST, spec_linux, devices, "devices", device_fields, spec_device),
	JSON_SUB(J_PTR, spec_linux, seccomp, "seccomp", seccomp_fields, spec_seccomp),
	JSON(J_STR, spec_linux, rootfs_propagation, "rootfsPropagation"),
	JSON(J_STRS, spec_linux, masked_paths, "maskedPaths"),
	JSON(J_STRS, spec_linux, readonly_paths, "readonlyPaths"),
	JSON(J_STR, spec_linux, mount_label, "mountLabel"),
	JSON_SUB(J_PTR, spec_linux, personality, "personality", personality_fields,
		 spec_personality),
	JSON_SUB(J_DICT, spec_linux, net_devices, "netDevices", net_device_fields, spec_net_device),
	JSON_SUB(J_PTR, spec_linux, memory_policy, "memoryPolicy", memory_policy_fields,
		 spec_memory_policy),
	JSON_SUB(J_PTR, spec_linux, intel_rdt, "intelRdt", spec_intel_rdt_fields, spec_intel_rdt),
	JSON_SUB(J_DICT, spec_linux, time_offsets, "timeOffsets", time_offset_fields,
		 spec_time_offset),
	{ 0 },
};

const struct json_field spec_fields[] = {
	JSON_F(J_STR, spec, oci_version, "ociVersion", J_KEEP),
	JSON_SUB(J_PTR, spec, process, "process", spec_process_fields, spec_process),
	JSON_SUB(J_PTR, spec, root, "root", root_fields, spec_root),
	JSON(J_STR, spec, hostname, "hostname"),
	JSON(J_STR, spec, domainname, "domainname"),
	JSON_SUB(J_LIST, spec, mounts, "mounts", spec_mount_fields, spec_mount),
	JSON_SUB(J_PTR, spec, hooks, "hooks", hooks_fields, spec_hooks),
	JSON(J_PAIRS, spec, annotations, "annotations"),
	JSON_SUB(J_PTR, spec, linux_, "linux", linux_fields, spec_linux),
	{ 0 },
};
