# cri.bash - a containerd of the tests' own whose Container Runtime Interface is on, and a client of it; after containerd.bash.
# shellcheck shell=bash disable=SC2034

# The namespace that Kubernetes' containers have.
NS=k8s.io

# cri_setup [TOML]: containerd of the version in use, with handlers coracle and runc (its own), and the image $IMAGE; pods'
# own containers run it too. TOML is added to its configuration. Pods without host network need CNI's configuration in
# $BATS_FILE_TMPDIR/cni.
cri_setup() {
	[ "$(id -u)" = 0 ] || return 0
	local dir=$BATS_FILE_TMPDIR plugin=plugins.\"io.containerd.grpc.v1.cri\"
	CRI=$("$BATS_TEST_DIRNAME/../cri/build") || return
	export CRI
	mkdir "$dir/cni"
	CONTAINERD_CRI="
		[$plugin]
		  sandbox_image = \"$IMAGE\"
		  restrict_oom_score_adj = true
		  drain_exec_sync_io_timeout = \"5s\"
		  stream_server_address = \"127.0.0.1\"
		  stream_server_port = \"0\"
		  [$plugin.cni]
		    bin_dir = \"/usr/lib/cni\"
		    conf_dir = \"$dir/cni\"
		  [$plugin.containerd]
		    default_runtime_name = \"coracle\"
		    [$plugin.containerd.runtimes.coracle]
		      runtime_type = \"$RUNTIME\"
		      container_annotations = [\"org.coracle.*\"]
		${1:-}
	"
	containerd_setup
}

# cri VERB ARGUMENT...: see test/cri/cri.go.
cri() {
	"$CRI" "$CONTAINERD" "$@"
}

# cri_pod NAME [JQ]: the configuration of a pod on the host's network, changed by a filter of jq.
cri_pod() {
	jq -nc --arg name "$1" --arg logs "$BATS_TEST_TMPDIR/$1" '{metadata: {name: $name, uid: $name, namespace: "default",
		attempt: 0}, log_directory: $logs, linux: {security_context: {namespace_options: {network: "NODE"}}}}
		| '"${2:-.}"
}

# cri_runp CONFIG [HANDLER]: prints the pod's id.
cri_runp() {
	local answer
	answer=$(cri call RunPodSandbox "{\"config\": $1, \"runtime_handler\": \"${2:-coracle}\"}") && jq -r .podSandboxId <<< "$answer"
}

# cri_create POD CONFIG NAME COMMAND [JQ]: a container of a shell's command in the pod of that configuration; its id.
cri_create() {
	local config answer
	config=$(jq -nc --arg name "$3" --arg image "$IMAGE" --arg command "$4" '{metadata: {name: $name}, image: {image: $image},
		command: ["sh", "-c", $command], log_path: ($name + ".log"), linux: {}} | '"${5:-.}")
	answer=$(cri call CreateContainer "{\"pod_sandbox_id\": \"$1\", \"config\": $config, \"sandbox_config\": $2}") &&
		jq -r .containerId <<< "$answer"
}

cri_start() {
	cri call StartContainer "{\"container_id\": \"$1\"}" > /dev/null
}

# cri_stop CONTAINER [SECONDS]
cri_stop() {
	cri call StopContainer "{\"container_id\": \"$1\", \"timeout\": ${2:-0}}" > /dev/null
}

cri_rm() {
	cri call RemoveContainer "{\"container_id\": \"$1\"}" > /dev/null
}

# cri_rmp POD: stopped and removed, with its containers.
cri_rmp() {
	cri call StopPodSandbox "{\"pod_sandbox_id\": \"$1\"}" > /dev/null
	cri call RemovePodSandbox "{\"pod_sandbox_id\": \"$1\"}" > /dev/null
}

# Every pod, whatever a test left, before containerd_teardown.
cri_teardown() {
	local pod
	for pod in $(cri call ListPodSandbox | jq -r '.items[].id'); do
		cri_rmp "$pod"
	done
}
