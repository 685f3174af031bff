// truth is a chat-completions server that knows its own schedule: it streams a fixed number of content chunks at fixed
// times, and tells afterwards when each request arrived and when each of its chunks was really written. A load
// generator's numbers are compared with these.
//
// It answers in two ways besides: GET /records gives a line of JSON for each request since the last call, GET /v1/models
// the model's name. It ends when its standard input does.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// record is what really happened to a request; times are Unix times in nanoseconds.
type record struct {
	ID        string `json:"id"`
	ArrivedNS int64  `json:"arrived_ns"`
	FirstNS   int64  `json:"first_ns"`
	EndNS     int64  `json:"end_ns"`
	MaxGapNS  int64  `json:"max_gap_ns"`
	Chunks    int    `json:"chunks"`
}

type server struct {
	ttft, gap   time.Duration
	chunks      int
	freezeEvery int
	freeze      time.Duration
	mutex       sync.Mutex
	records     []record
	count       int
}

// A load generator of our own ends each prompt with its request's number in brackets; others' prompts have none.
var numbered = regexp.MustCompile(`\[([0-9a-zA-Z-]+)\]`)

const content = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"truth",` +
	`"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}` + "\n\n"
const role = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"truth",` +
	`"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
const last = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"truth",` +
	`"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"

func (s *server) chat(answer http.ResponseWriter, request *http.Request) {
	arrived := time.Now()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	var id string
	if found := numbered.FindSubmatch(body); found != nil {
		id = string(found[1])
	}
	s.mutex.Lock()
	number := s.count
	s.count++
	s.mutex.Unlock()
	if !bytes.Contains(body, []byte(`"stream":true`)) && !bytes.Contains(body, []byte(`"stream": true`)) {
		s.whole(answer, id, arrived)
		return
	}
	answer.Header().Set("Content-Type", "text/event-stream")
	flusher := answer.(http.Flusher)
	write := func(text string) bool {
		if _, err := io.WriteString(answer, text); err != nil {
			return false
		}
		flusher.Flush()
		return true
	}
	// The role is no token: a tool that takes it for one is wrong by the whole time to first token.
	if !write(role) {
		return
	}
	seen := record{ID: id, ArrivedNS: arrived.UnixNano(), Chunks: s.chunks}
	due := arrived.Add(s.ttft)
	before := int64(0)
	for i := 0; i < s.chunks; i++ {
		if s.freezeEvery > 0 && i == s.chunks/2 && number%s.freezeEvery == 0 {
			due = due.Add(s.freeze)
		}
		time.Sleep(time.Until(due))
		at := time.Now().UnixNano()
		if !write(content) {
			return
		}
		if i == 0 {
			seen.FirstNS = at
		} else if at-before > seen.MaxGapNS {
			seen.MaxGapNS = at - before
		}
		before = at
		due = due.Add(s.gap)
	}
	if !write(last + usage(request, body, s.chunks) + "data: [DONE]\n\n") {
		return
	}
	seen.EndNS = time.Now().UnixNano()
	s.keep(seen)
}

func usage(_ *http.Request, body []byte, chunks int) string {
	if !bytes.Contains(body, []byte("include_usage")) {
		return ""
	}
	return fmt.Sprintf(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"truth",`+
		`"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":%d,"total_tokens":%d}}`+"\n\n", chunks, chunks+8)
}

func (s *server) whole(answer http.ResponseWriter, id string, arrived time.Time) {
	time.Sleep(time.Until(arrived.Add(s.ttft + time.Duration(s.chunks-1)*s.gap)))
	text := strings.Repeat("word ", s.chunks)
	answer.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(answer, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"truth","choices":[{"index":0,`+
		`"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],"usage":{"prompt_tokens":8,`+
		`"completion_tokens":%d,"total_tokens":%d}}`, strconv.Quote(text), s.chunks, s.chunks+8)
	now := time.Now().UnixNano()
	s.keep(record{ID: id, ArrivedNS: arrived.UnixNano(), FirstNS: now, EndNS: now, Chunks: s.chunks})
}

func (s *server) keep(seen record) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.records = append(s.records, seen)
}

func (s *server) tell(answer http.ResponseWriter, _ *http.Request) {
	s.mutex.Lock()
	told := s.records
	s.records = nil
	s.mutex.Unlock()
	encoder := json.NewEncoder(answer)
	for _, one := range told {
		if err := encoder.Encode(one); err != nil {
			return
		}
	}
}

func main() {
	s := &server{}
	port := flag.Int("port", 0, "on 127.0.0.1; 0: any free one, which is printed")
	flag.DurationVar(&s.ttft, "ttft", 100*time.Millisecond, "from the request to the first content chunk")
	flag.DurationVar(&s.gap, "gap", 20*time.Millisecond, "between chunks")
	flag.IntVar(&s.chunks, "chunks", 50, "content chunks of an answer")
	flag.IntVar(&s.freezeEvery, "freeze-every", 0, "every so many requests freeze in the middle; 0: none")
	flag.DurationVar(&s.freeze, "freeze", 2*time.Second, "for so long")
	flag.Parse()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.chat)
	mux.HandleFunc("GET /records", s.tell)
	mux.HandleFunc("GET /v1/models", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(answer, `{"object":"list","data":[{"id":"truth","object":"model"}]}`)
	})
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().String())
	go func() { // whoever started it has ended
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, http.Serve(listener, mux))
}
