// cri - a client of the Container Runtime Interface, as the kubelet is one, for tests.
//
//	cri SOCKET call METHOD [JSON]           any method of the two services, and what it answers as JSON; those that answer
//	                                        more than once print an answer a line until they are killed
//	cri SOCKET exec-sync [-timeout SECONDS] CONTAINER COMMAND...
//	cri SOCKET exec [-i] [-t] [-size COLUMNSxROWS] CONTAINER COMMAND...
//	cri SOCKET attach [-i] [-t] [-size COLUMNSxROWS] CONTAINER
//	cri SOCKET port-forward POD PORT        stdin and stdout are the connection
//
// Fields are named as in api.proto or in camel case; answers are in camel case, with every field, numbers of 64 bits and
// bytes as JSON's protobuf has them (strings; base64). The status is the command's; 1 with "cri: METHOD: CODE: MESSAGE" on
// stderr when the service refuses, 2 when the arguments are wrong.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/gogo/protobuf/proto"
	"github.com/moby/spdystream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func fail(what string, err error) {
	if s, ok := status.FromError(err); ok && err != nil {
		fmt.Fprintf(os.Stderr, "cri: %s: %s: %s\n", what, s.Code(), s.Message())
	} else {
		fmt.Fprintf(os.Stderr, "cri: %s: %v\n", what, err)
	}
	os.Exit(1)
}

func usage() {
	fmt.Fprintln(os.Stderr, "cri: usage: cri SOCKET call|exec-sync|exec|attach|port-forward ARGUMENT...")
	os.Exit(2)
}

func main() {
	if len(os.Args) < 4 {
		usage()
	}
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", os.Args[1])
	}
	conn, err := grpc.Dial("passthrough:///cri", grpc.WithInsecure(), grpc.WithContextDialer(dial),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
	if err != nil {
		fail(os.Args[1], err)
	}
	runtime, args := cri.NewRuntimeServiceClient(conn), os.Args[3:]
	switch os.Args[2] {
	case "call":
		call(conn, args)
	case "exec-sync":
		execSync(runtime, args)
	case "exec":
		execute(runtime, args)
	case "attach":
		attach(runtime, args)
	case "port-forward":
		portForward(runtime, args)
	default:
		usage()
	}
}

// --- any method ---

func show(message interface{}) {
	if err := (&jsonpb.Marshaler{EmitDefaults: true}).Marshal(os.Stdout, message.(proto.Message)); err != nil {
		fail("answer", err)
	}
	fmt.Println()
}

func call(conn *grpc.ClientConn, args []string) {
	name := args[0]
	method := reflect.ValueOf(cri.NewRuntimeServiceClient(conn)).MethodByName(name)
	if strings.Contains(name, "Image") { // ImageFsInfo and the like, but RuntimeConfig of both
		method = reflect.ValueOf(cri.NewImageServiceClient(conn)).MethodByName(name)
	}
	if !method.IsValid() {
		fail(name, errors.New("no such method"))
	}
	request := reflect.New(method.Type().In(1).Elem())
	if len(args) > 1 {
		if err := jsonpb.UnmarshalString(args[1], request.Interface().(proto.Message)); err != nil {
			fail(name, err)
		}
	}
	answer := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), request})
	if err, bad := answer[1].Interface().(error); bad {
		fail(name, err)
	}
	receive := answer[0].MethodByName("Recv")
	if !receive.IsValid() {
		show(answer[0].Interface())
		return
	}
	for {
		answer = receive.Call(nil)
		if err, bad := answer[1].Interface().(error); bad {
			if err == io.EOF {
				return
			}
			fail(name, err)
		}
		show(answer[0].Interface())
	}
}

// --- commands in containers ---

type streams struct {
	stdin, tty bool
	size       string
}

func parse(name string, args []string, least int) (streams, int64, []string) {
	var s streams
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	flags.BoolVar(&s.stdin, "i", false, "pass stdin on")
	flags.BoolVar(&s.tty, "t", false, "a terminal")
	flags.StringVar(&s.size, "size", "", "the terminal's, COLUMNSxROWS")
	timeout := flags.Int64("timeout", 0, "in seconds")
	flags.Parse(args)
	if flags.NArg() < least {
		usage()
	}
	return s, *timeout, flags.Args()
}

func execSync(runtime cri.RuntimeServiceClient, args []string) {
	_, timeout, args := parse("exec-sync", args, 2)
	answer, err := runtime.ExecSync(context.Background(),
		&cri.ExecSyncRequest{ContainerId: args[0], Cmd: args[1:], Timeout: timeout})
	if err != nil {
		fail("ExecSync", err)
	}
	os.Stdout.Write(answer.Stdout)
	os.Stderr.Write(answer.Stderr)
	os.Exit(int(answer.ExitCode))
}

func execute(runtime cri.RuntimeServiceClient, args []string) {
	s, _, args := parse("exec", args, 2)
	answer, err := runtime.Exec(context.Background(), &cri.ExecRequest{ContainerId: args[0], Cmd: args[1:],
		Stdin: s.stdin, Stdout: true, Stderr: !s.tty, Tty: s.tty})
	if err != nil {
		fail("Exec", err)
	}
	s.run(answer.Url)
}

func attach(runtime cri.RuntimeServiceClient, args []string) {
	s, _, args := parse("attach", args, 1)
	answer, err := runtime.Attach(context.Background(), &cri.AttachRequest{ContainerId: args[0],
		Stdin: s.stdin, Stdout: true, Stderr: !s.tty, Tty: s.tty})
	if err != nil {
		fail("Attach", err)
	}
	s.run(answer.Url)
}

func (s streams) run(address string) {
	session := upgrade(address, "v4.channel.k8s.io")
	failure := open(session, "streamType", "error")
	if s.stdin {
		stdin := open(session, "streamType", "stdin")
		go func() {
			io.Copy(stdin, os.Stdin)
			stdin.Close()
		}()
	}
	ended := make(chan bool)
	outputs := []io.Reader{open(session, "streamType", "stdout")}
	if !s.tty {
		outputs = append(outputs, open(session, "streamType", "stderr"))
	}
	if s.tty {
		resize := open(session, "streamType", "resize")
		if s.size != "" {
			size := strings.Split(s.size, "x")
			fmt.Fprintf(resize, `{"Width":%s,"Height":%s}`, size[0], size[len(size)-1])
		}
	}
	for i, from := range outputs {
		go func(from io.Reader, to io.Writer) {
			io.Copy(to, from)
			ended <- true
		}(from, []io.Writer{os.Stdout, os.Stderr}[i])
	}
	word, _ := io.ReadAll(failure)
	for range outputs {
		<-ended
	}
	session.Close()
	os.Exit(verdict(word))
}

// The status that Kubernetes' own answer tells.
func verdict(word []byte) int {
	var answer struct {
		Status, Message string
		Details         struct {
			Causes []struct{ Reason, Message string }
		}
	}
	if len(word) == 0 {
		return 0
	}
	if err := json.Unmarshal(word, &answer); err != nil {
		fail("stream", errors.New(string(word)))
	}
	for _, cause := range answer.Details.Causes {
		if cause.Reason == "ExitCode" {
			code, _ := strconv.Atoi(cause.Message)
			return code
		}
	}
	if answer.Status != "Success" {
		fail("stream", errors.New(answer.Message))
	}
	return 0
}

// --- the streaming server ---

type buffered struct {
	net.Conn
	from *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.from.Read(p) }

func upgrade(address, protocol string) *spdystream.Connection {
	u, err := url.Parse(address)
	if err != nil {
		fail(address, err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		fail(address, err)
	}
	request, _ := http.NewRequest("POST", address, nil)
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "SPDY/3.1")
	request.Header.Set("X-Stream-Protocol-Version", protocol)
	if err = request.Write(conn); err != nil {
		fail(address, err)
	}
	from := bufio.NewReader(conn)
	response, err := http.ReadResponse(from, request)
	if err != nil {
		fail(address, err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		fail(address, fmt.Errorf("%s: %s", response.Status, body))
	}
	session, err := spdystream.NewConnection(buffered{conn, from}, false)
	if err != nil {
		fail(address, err)
	}
	go session.Serve(spdystream.NoOpStreamHandler)
	return session
}

// open is a stream with these headers: a name, its value, a name ...
func open(session *spdystream.Connection, headers ...string) *spdystream.Stream {
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	stream, err := session.CreateStream(header, nil, false)
	if err == nil {
		err = stream.Wait()
	}
	if err != nil {
		fail("stream", err)
	}
	return stream
}

func portForward(runtime cri.RuntimeServiceClient, args []string) {
	_, _, args = parse("port-forward", args, 2)
	port, _ := strconv.Atoi(args[1])
	answer, err := runtime.PortForward(context.Background(),
		&cri.PortForwardRequest{PodSandboxId: args[0], Port: []int32{int32(port)}})
	if err != nil {
		fail("PortForward", err)
	}
	session := upgrade(answer.Url, "portforward.k8s.io")
	failure := open(session, "streamType", "error", "port", args[1], "requestID", "0")
	failure.Close() // nothing is written to it
	data := open(session, "streamType", "data", "port", args[1], "requestID", "0")
	go func() {
		io.Copy(data, os.Stdin)
		data.Close()
	}()
	io.Copy(os.Stdout, data)
	if word, _ := io.ReadAll(failure); len(word) > 0 {
		fail("port-forward", errors.New(string(word)))
	}
}
