// lifecycle.go - a lifecycle of Cloud Native Buildpacks for tests: creator, and launcher, by the name it is called by.
//
// What it does of the platform's specification 0.12: the checks of CNB_PLATFORM_API and CNB_EXPERIMENTAL_MODE;
// analysis of the run image in a layout directory; detection by groups, optional members, bin/detect; cached layers
// kept in and restored from a directory; bin/build with layers, launch.toml, the platform's environment; export to a
// layout: a layer for each launch layer, the app, the launcher, its configuration and the process types, with labels,
// environment, entrypoint and working directory; the exit statuses. Of the launcher: process types by its name,
// `--`, a command of a shell, bin and env and env.launch of layers, working directories.
// What it does not: registries, daemons, previous images, SBOMs, slices, build plans, exec.d, profile.d, store.toml,
// extensions, execution environments, stacks, and TOML beyond tables of strings, flags and lists of strings.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"
)

type table map[string]interface{} // values: string, bool, []string

func must(status int, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		os.Exit(status)
	}
}

// parseTOML returns each table under its header, in order; what has none is under "".
func parseTOML(path string) (map[string][]table, error) {
	text, err := os.ReadFile(path)
	all := map[string][]table{"": {{}}}
	at := all[""][0]
	for _, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			name := strings.Trim(line, "[] ")
			at = table{}
			all[name] = append(all[name], at)
			if name == "order" {
				all["order.group"] = append(all["order.group"], nil) // where one group ends
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		var v interface{}
		if e := json.Unmarshal([]byte(strings.TrimSpace(value)), &v); e != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, line, e)
		}
		if list, ok := v.([]interface{}); ok {
			words := []string{}
			for _, w := range list {
				words = append(words, w.(string))
			}
			v = words
		}
		at[strings.TrimSpace(key)] = v
	}
	return all, err
}

func (t table) str(key string) string    { s, _ := t[key].(string); return s }
func (t table) flag(key string) bool     { b, _ := t[key].(bool); return b }
func (t table) list(key string) []string { l, _ := t[key].([]string); return l }

type process struct {
	Type       string   `json:"type"`
	Command    []string `json:"command"`
	Args       []string `json:"args"`
	Direct     bool     `json:"direct"`
	WorkingDir string   `json:"working-dir,omitempty"`
	Buildpack  string   `json:"buildpackID"`
	isDefault  bool
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type creator struct {
	app, layers, platform, cache, layout, run, image, processType, order string
	runDir, imageDir                                                     string
	base                                                                 manifest
	config                                                               map[string]interface{}
	group                                                                []table
	processes                                                            []process
}

// place is where the layout directory has an image: REGISTRY/REPOSITORY/TAG, or .../ALGORITHM/HEX. What has no dot and no
// colon is no registry, and the first part of a name in one that nobody named.
func (c *creator) place(ref string) string {
	if first, _, _ := strings.Cut(ref, "/"); !strings.ContainsAny(first, ".:") {
		ref = "unnamed/" + ref
	}
	repository, digest, ok := strings.Cut(ref, "@")
	if ok {
		return filepath.Join(c.layout, repository, strings.Replace(digest, ":", "/", 1))
	}
	i := strings.LastIndex(ref, ":")
	if i < strings.LastIndex(ref, "/") {
		return filepath.Join(c.layout, ref, "latest")
	}
	return filepath.Join(c.layout, ref[:i], ref[i+1:])
}

func blobPath(dir, digest string) string {
	return filepath.Join(dir, "blobs", strings.Replace(digest, ":", "/", 1))
}

func readJSON(path string, out interface{}) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, out)
}

func (c *creator) analyze() error {
	fmt.Println("===> ANALYZING")
	var index manifest
	if err := readJSON(filepath.Join(c.runDir, "index.json"), &index); err != nil {
		return err
	}
	if len(index.Manifests) != 1 {
		return errors.New("not one run image")
	}
	if err := readJSON(blobPath(c.runDir, index.Manifests[0].Digest), &c.base); err != nil {
		return err
	}
	return readJSON(blobPath(c.runDir, c.base.Config.Digest), &c.config)
}

func buildpackDir(bp table) string {
	return filepath.Join("/cnb/buildpacks", strings.ReplaceAll(bp.str("id"), "/", "_"), bp.str("version"))
}

// runBuildpack runs bin/NAME of the buildpack with the user's environment, in the app.
func (c *creator) runBuildpack(bp table, name string, env ...string) error {
	dir := buildpackDir(bp)
	cmd := exec.Command(filepath.Join(dir, "bin", name))
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.app, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "CNB_BUILDPACK_DIR="+dir, "CNB_PLATFORM_DIR="+c.platform)
	vars, _ := os.ReadDir(filepath.Join(c.platform, "env"))
	for _, v := range vars {
		value, err := os.ReadFile(filepath.Join(c.platform, "env", v.Name()))
		must(1, err)
		cmd.Env = append(cmd.Env, v.Name()+"="+string(value))
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd.Run()
}

func (c *creator) detect() int {
	fmt.Println("===> DETECTING")
	order, err := parseTOML(c.order)
	must(22, err)
	plan, err := os.CreateTemp("", "plan")
	must(22, err)
	var groups [][]table
	for _, bp := range order["order.group"] {
		if bp == nil {
			groups = append(groups, nil)
		} else {
			groups[len(groups)-1] = append(groups[len(groups)-1], bp)
		}
	}
	status := 20
	for _, group := range groups {
		c.group = nil
		good := true
		for _, bp := range group {
			err := c.runBuildpack(bp, "detect", "CNB_BUILD_PLAN_PATH="+plan.Name())
			var exit *exec.ExitError
			if err == nil {
				c.group = append(c.group, bp)
				continue
			}
			if !errors.As(err, &exit) || exit.ExitCode() != 100 {
				fmt.Println("err: ", bp.str("id"), err)
				status = 21
			}
			good = good && bp.flag("optional")
		}
		if good && len(c.group) > 0 {
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, "ERROR: no buildpacks participating")
	return status
}

func (c *creator) own(bp table) string {
	return filepath.Join(c.layers, strings.ReplaceAll(bp.str("id"), "/", "_"))
}

// types says what layer NAME of a buildpack is for.
func types(dir, name string) table {
	t, err := parseTOML(filepath.Join(dir, name+".toml"))
	if err != nil || len(t["types"]) == 0 {
		return table{}
	}
	return t["types"][0]
}

func layerNames(dir string) []string {
	var out []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out
}

func (c *creator) restore() {
	fmt.Println("===> RESTORING")
	for _, bp := range c.group {
		dir := c.own(bp)
		must(42, os.MkdirAll(dir, 0755))
		saved, _ := filepath.Glob(filepath.Join(c.cache, filepath.Base(dir), "*.tar"))
		for _, s := range saved {
			name := strings.TrimSuffix(filepath.Base(s), ".tar")
			f, err := os.Open(s)
			must(42, err)
			must(42, untar(f, "/"))
			f.Close()
			fmt.Printf("Restoring data for %q from cache\n", name)
		}
	}
}

func (c *creator) build() {
	fmt.Println("===> BUILDING")
	plan, err := os.CreateTemp("", "plan")
	must(52, err)
	for _, bp := range c.group {
		dir := c.own(bp)
		must(51, c.runBuildpack(bp, "build", "CNB_LAYERS_DIR="+dir, "CNB_BP_PLAN_PATH="+plan.Name()))
		launch, err := parseTOML(filepath.Join(dir, "launch.toml"))
		if err != nil && !os.IsNotExist(err) {
			must(52, err)
		}
		for _, p := range launch["processes"] {
			c.processes = append(c.processes, process{p.str("type"), p.list("command"), p.list("args"),
				p.flag("direct"), p.str("working-dir"), bp.str("id"), p.flag("default")})
		}
	}
}

// archive is a reproducible tar of trees, with the directories above them.
type archive struct {
	bytes.Buffer
	w        *tar.Writer
	uid, gid int
	seen     map[string]bool
}

func newArchive() *archive {
	a := &archive{uid: os.Getuid(), gid: os.Getgid(), seen: map[string]bool{}}
	a.w = tar.NewWriter(a)
	return a
}

func (a *archive) add(name string, info os.FileInfo, link string, data io.Reader) {
	h := &tar.Header{Name: name, Mode: 0755, Typeflag: tar.TypeDir, Uid: a.uid, Gid: a.gid, ModTime: time.Unix(315532801, 0)}
	if info != nil {
		var err error
		h, err = tar.FileInfoHeader(info, link)
		must(62, err)
		h.Name, h.Uid, h.Gid, h.Uname, h.Gname = name, a.uid, a.gid, "", ""
		h.ModTime = time.Unix(315532801, 0)
	} else if link != "" {
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, link, 0777
	}
	must(62, a.w.WriteHeader(h))
	if data != nil {
		_, err := io.Copy(a.w, data)
		must(62, err)
	}
}

func (a *archive) parents(path string) {
	if up := filepath.Dir(path); up != "/" && !a.seen[up] {
		a.parents(up)
		a.seen[up] = true
		a.add(up, nil, "", nil)
	}
}

func (a *archive) tree(from, name string) {
	a.parents(name)
	must(62, filepath.Walk(from, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		at := name + strings.TrimPrefix(path, from)
		a.seen[at] = true
		if info.Mode()&os.ModeSymlink != 0 {
			link, err := os.Readlink(path)
			a.add(at, info, link, nil)
			return err
		}
		if !info.Mode().IsRegular() {
			a.add(at, info, "", nil)
			return nil
		}
		f, err := os.Open(path)
		if err == nil {
			a.add(at, info, "", f)
			f.Close()
		}
		return err
	}))
}

func untar(r io.Reader, root string) error {
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		path := filepath.Join(root, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, os.FileMode(h.Mode))
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, path)
		default:
			var f *os.File
			if f, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, os.FileMode(h.Mode)); err == nil {
				_, err = io.Copy(f, t)
				f.Close()
			}
		}
		if err != nil {
			return err
		}
	}
}

func put(dir string, data []byte) descriptor {
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	must(62, os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0755))
	must(62, os.WriteFile(blobPath(dir, digest), data, 0644))
	return descriptor{Digest: digest, Size: int64(len(data))}
}

func marshal(v interface{}) []byte {
	text, err := json.Marshal(v)
	must(62, err)
	return text
}

func object(in map[string]interface{}, key string) map[string]interface{} {
	o, ok := in[key].(map[string]interface{})
	if !ok {
		o = map[string]interface{}{}
		in[key] = o
	}
	return o
}

func words(v interface{}) []string {
	var out []string
	list, _ := v.([]interface{})
	for _, w := range list {
		out = append(out, w.(string))
	}
	return out
}

func (c *creator) metadata() string {
	var b strings.Builder
	for _, bp := range c.group {
		fmt.Fprintf(&b, "[[buildpacks]]\nid = %q\nversion = %q\n", bp.str("id"), bp.str("version"))
	}
	for _, p := range c.processes {
		fmt.Fprintf(&b, "[[processes]]\ntype = %q\ncommand = %s\nargs = %s\ndirect = %t\nworking-dir = %q\n",
			p.Type, marshal(p.Command), marshal(p.Args), p.Direct, p.WorkingDir)
	}
	return b.String()
}

// defaultProcess sets what an image of it runs.
func (c *creator) defaultProcess(config map[string]interface{}) {
	want := c.processType
	config["Entrypoint"], config["WorkingDir"] = []string{"/cnb/lifecycle/launcher"}, c.app
	delete(config, "Cmd")
	for _, p := range c.processes {
		if want == "" && p.isDefault {
			want = p.Type
		}
	}
	for _, p := range c.processes {
		if p.Type != want {
			continue
		}
		fmt.Printf("Setting default process type '%s'\n", want)
		config["Entrypoint"] = []string{"/cnb/process/" + want}
		if p.WorkingDir != "" {
			config["WorkingDir"] = p.WorkingDir
		}
		return
	}
	if want != "" {
		must(62, fmt.Errorf("tried to set %s to default but it doesn't exist", want))
	}
}

func (c *creator) export() {
	fmt.Println("===> EXPORTING")
	var layers []*archive
	begin := func() *archive { layers = append(layers, newArchive()); return layers[len(layers)-1] }
	for _, bp := range c.group {
		dir := c.own(bp)
		kept := filepath.Join(c.cache, filepath.Base(dir))
		must(62, os.RemoveAll(kept))
		for _, name := range layerNames(dir) {
			t := types(dir, name)
			a := newArchive()
			a.tree(filepath.Join(dir, name), filepath.Join(dir, name))
			a.w.Close()
			if t.flag("launch") {
				fmt.Printf("Adding layer '%s:%s'\n", bp.str("id"), name)
				layers = append(layers, a)
			}
			if t.flag("cache") {
				must(62, os.MkdirAll(kept, 0755))
				must(62, os.WriteFile(filepath.Join(kept, name+".tar"), a.Bytes(), 0644))
			}
		}
	}
	begin().tree(c.app, c.app)
	begin().tree("/cnb/lifecycle/launcher", "/cnb/lifecycle/launcher")
	must(62, os.MkdirAll(filepath.Join(c.layers, "config"), 0755))
	must(62, os.WriteFile(filepath.Join(c.layers, "config/metadata.toml"), []byte(c.metadata()), 0644))
	begin().tree(filepath.Join(c.layers, "config"), filepath.Join(c.layers, "config"))
	a := begin()
	for _, p := range c.processes {
		a.parents("/cnb/process/" + p.Type)
		a.add("/cnb/process/"+p.Type, nil, "/cnb/lifecycle/launcher", nil)
	}
	c.save(layers)
}

func (c *creator) save(layers []*archive) {
	rootfs, config := object(c.config, "rootfs"), object(c.config, "config")
	diffs := words(rootfs["diff_ids"])
	m := manifest{SchemaVersion: 2, MediaType: "application/vnd.oci.image.manifest.v1+json", Layers: c.base.Layers}
	for _, l := range c.base.Layers {
		if data, err := os.ReadFile(blobPath(c.runDir, l.Digest)); err == nil { // a sparse one has none
			put(c.imageDir, data)
		}
	}
	for _, l := range layers {
		l.w.Close()
		d := put(c.imageDir, l.Bytes())
		d.MediaType = "application/vnd.oci.image.layer.v1.tar"
		m.Layers = append(m.Layers, d)
		diffs = append(diffs, d.Digest)
	}
	rootfs["diff_ids"] = diffs
	delete(c.config, "history")
	env := []string{}
	for _, v := range words(config["Env"]) {
		if strings.HasPrefix(v, "PATH=") {
			v = "PATH=/cnb/process:/cnb/lifecycle:" + v[5:]
		}
		env = append(env, v)
	}
	config["Env"] = append(env, "CNB_LAYERS_DIR="+c.layers, "CNB_APP_DIR="+c.app, "CNB_PLATFORM_API="+os.Getenv("CNB_PLATFORM_API"))
	c.defaultProcess(config)
	object(config, "Labels")["io.buildpacks.build.metadata"] = string(marshal(map[string]interface{}{"processes": c.processes}))
	d := put(c.imageDir, marshal(c.config))
	d.MediaType = "application/vnd.oci.image.config.v1+json"
	m.Config = &d
	top := put(c.imageDir, marshal(m))
	top.MediaType = m.MediaType
	must(62, os.WriteFile(filepath.Join(c.imageDir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0644))
	must(62, os.WriteFile(filepath.Join(c.imageDir, "index.json"),
		marshal(manifest{SchemaVersion: 2, Manifests: []descriptor{top}}), 0644))
	fmt.Printf("Saving %s...\n", c.imageDir)
}

func create() {
	var c creator
	layout := flag.Bool("layout", false, "")
	flag.StringVar(&c.layout, "layout-dir", "", "")
	flag.StringVar(&c.app, "app", "/workspace", "")
	flag.StringVar(&c.layers, "layers", "/layers", "")
	flag.StringVar(&c.platform, "platform", "/platform", "")
	flag.StringVar(&c.cache, "cache-dir", "", "")
	flag.StringVar(&c.run, "run-image", "", "")
	flag.StringVar(&c.order, "order", "/cnb/order.toml", "")
	flag.StringVar(&c.processType, "process-type", "", "")
	flag.Parse()
	if api := os.Getenv("CNB_PLATFORM_API"); api != "0.12" && api != "0.13" {
		must(11, fmt.Errorf("platform API '%s' is incompatible with the lifecycle", api))
	}
	if mode := os.Getenv("CNB_EXPERIMENTAL_MODE"); mode != "warn" && mode != "quiet" {
		must(1, errors.New("experimental features are disabled"))
	}
	if !*layout || c.layout == "" || c.run == "" || flag.NArg() != 1 {
		must(3, errors.New("this lifecycle needs -layout, -layout-dir, -run-image and an image"))
	}
	if fmt.Sprint(os.Getuid(), os.Getgid()) != os.Getenv("CNB_USER_ID")+" "+os.Getenv("CNB_GROUP_ID") {
		must(3, errors.New("not the builder's user"))
	}
	c.image = flag.Arg(0)
	c.runDir, c.imageDir = c.place(c.run), c.place(c.image)
	must(32, c.analyze())
	if status := c.detect(); status != 0 {
		os.Exit(status)
	}
	c.restore()
	c.build()
	c.export()
}

// modify applies env.launch/NAME.WHAT and the like of one layer.
func modify(env map[string]string, dir string) {
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		name, what, _ := strings.Cut(f.Name(), ".")
		value, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil || f.IsDir() {
			continue
		}
		delim, _ := os.ReadFile(filepath.Join(dir, name+".delim"))
		old, set := env[name]
		switch what {
		case "", "override":
			env[name] = string(value)
		case "default":
			if !set {
				env[name] = string(value)
			}
		case "append", "prepend":
			if !set || old == "" {
				env[name] = string(value)
			} else if what == "append" {
				env[name] = old + string(delim) + string(value)
			} else {
				env[name] = string(value) + string(delim) + old
			}
		}
	}
}

func launch(self string) {
	layers, app := os.Getenv("CNB_LAYERS_DIR"), os.Getenv("CNB_APP_DIR")
	md, err := parseTOML(filepath.Join(layers, "config/metadata.toml"))
	must(82, err)
	p := process{}
	found := false
	for _, t := range md["processes"] {
		if t.str("type") == self {
			found = true
			p = process{Command: t.list("command"), Args: append(t.list("args"), os.Args[1:]...),
				Direct: t.flag("direct"), WorkingDir: t.str("working-dir")}
		}
	}
	if !found {
		args := os.Args[1:]
		p.Direct = len(args) > 0 && args[0] == "--"
		if p.Direct {
			args = args[1:]
		}
		if len(args) == 0 {
			must(82, errors.New("when there is no default process a command is required"))
		}
		p.Command, p.Args = args[:1], args[1:]
	}
	env := map[string]string{}
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	for _, bp := range md["buildpacks"] {
		dir := filepath.Join(layers, strings.ReplaceAll(bp.str("id"), "/", "_"))
		for _, name := range layerNames(dir) {
			if _, err := os.Stat(filepath.Join(dir, name, "bin")); err == nil {
				env["PATH"] = filepath.Join(dir, name, "bin") + ":" + env["PATH"]
			}
			modify(env, filepath.Join(dir, name, "env"))
			modify(env, filepath.Join(dir, name, "env.launch"))
		}
	}
	if p.WorkingDir == "" {
		p.WorkingDir = app
	}
	must(82, os.Chdir(p.WorkingDir))
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
		os.Setenv(name, value)
	}
	sort.Strings(list)
	argv := append(append([]string{}, p.Command...), p.Args...)
	if !p.Direct {
		argv = append([]string{"/bin/sh", "-c", strings.Join(p.Command, " ") + ` "$@"`, "sh"}, p.Args...)
	}
	path, err := exec.LookPath(argv[0])
	must(82, err)
	must(82, syscall.Exec(path, argv, list))
}

func main() {
	if self := filepath.Base(os.Args[0]); self == "creator" {
		create()
	} else {
		launch(self)
	}
}
