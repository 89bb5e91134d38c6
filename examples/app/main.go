// Command app is the shop of the examples: a small HTTP server whose health and errors are real, and set from outside.
// Each knob is an environment variable, or a file of the same name in APP_CONFIG_DIR, which wins and is read anew at
// each request. With the argument `pause` it only waits, as the first container of a pod does; with `work` it does the
// work of a Job, which takes LATENCY_MS, and ends.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if len(os.Args) > 1 && os.Args[1] == "pause" {
		<-stop
		return
	}
	if knob("STARTUP_FAIL", "false") == "true" {
		log.Fatal("STARTUP_FAIL is true: this revision does not start")
	}
	if len(os.Args) > 1 && os.Args[1] == "work" {
		linger()
		log.Print("the work is done")
		return
	}
	go func() { log.Fatal(http.ListenAndServe(":8080", newShop())) }()
	log.Printf("version %s serves on :8080", knob("VERSION", "dev"))
	<-stop
}

// knob is the value of a setting now.
func knob(name, otherwise string) string {
	if directory := os.Getenv("APP_CONFIG_DIR"); directory != "" {
		if text, err := os.ReadFile(filepath.Join(directory, name)); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	if value, set := os.LookupEnv(name); set {
		return value
	}
	return otherwise
}

// linger takes as long as the setting says now.
func linger() {
	if pause, err := strconv.Atoi(knob("LATENCY_MS", "0")); err == nil {
		time.Sleep(time.Duration(pause) * time.Millisecond)
	}
}

type shop struct {
	mutex   sync.Mutex
	debt    float64
	answers map[int]int
}

func newShop() http.Handler {
	s := &shop{answers: map[int]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/health", s.gate("HEALTHY"))
	mux.HandleFunc("/health/ready", s.gate("READY"))
	mux.HandleFunc("/health/live", s.gate("LIVE"))
	mux.HandleFunc("/metrics", s.metrics)
	mux.HandleFunc("/queue", queue)
	mux.HandleFunc("/", s.order)
	return mux
}

func (s *shop) gate(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if knob(name, "true") != "true" {
			http.Error(w, name+" is not true", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

func (s *shop) order(w http.ResponseWriter, _ *http.Request) {
	linger()
	code := s.next()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(map[string]any{
		"version":          knob("VERSION", "dev"),
		"ok":               code == http.StatusOK,
		"ai_enabled":       knob("ai_enabled", "true"),
		"fallback_enabled": knob("fallback_enabled", "false"),
	})
}

// next is the code of the next answer: errors come evenly, so that a rate of 0.25 is every fourth request.
func (s *shop) next() int {
	rate, _ := strconv.ParseFloat(knob("ERROR_RATE", "0"), 64)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	code := http.StatusOK
	if s.debt += rate; s.debt >= 1 {
		s.debt--
		code = http.StatusInternalServerError
	}
	s.answers[code]++
	return code
}

func queue(w http.ResponseWriter, _ *http.Request) {
	depth, _ := strconv.Atoi(knob("QUEUE_DEPTH", "0"))
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"queues": []any{map[string]any{"name": "mails", "depth": depth}}})
}

func (s *shop) metrics(w http.ResponseWriter, _ *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	fmt.Fprintln(w, "# TYPE http_requests_total counter")
	for code, count := range s.answers {
		fmt.Fprintf(w, "http_requests_total{code=\"%d\"} %d\n", code, count)
	}
}
