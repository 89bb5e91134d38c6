package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func get(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer
}

func TestErrorsComeEvenly(t *testing.T) {
	t.Setenv("ERROR_RATE", "0.25")
	handler, failed := newShop(), 0
	for range 100 {
		if get(t, handler, "/").Code == http.StatusInternalServerError {
			failed++
		}
	}
	if failed != 25 {
		t.Fatalf("25 of 100 should fail, %d did", failed)
	}
	if text := get(t, handler, "/metrics").Body.String(); !strings.Contains(text, `http_requests_total{code="500"} 25`) {
		t.Fatalf("the metrics should say so:\n%s", text)
	}
}

func TestAFileWinsAndIsReadAtEachRequest(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("APP_CONFIG_DIR", directory)
	t.Setenv("READY", "true")
	handler := newShop()
	if code := get(t, handler, "/health/ready").Code; code != http.StatusOK {
		t.Fatalf("ready at first, got %d", code)
	}
	if err := os.WriteFile(filepath.Join(directory, "READY"), []byte("false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := get(t, handler, "/health/ready").Code; code != http.StatusServiceUnavailable {
		t.Fatalf("not ready once the file says so, got %d", code)
	}
}

func TestTheQueueIsAsDeepAsItsKnobSays(t *testing.T) {
	t.Setenv("QUEUE_DEPTH", "42")
	if text := get(t, newShop(), "/queue").Body.String(); !strings.Contains(text, `{"depth":42,"name":"mails"}`) {
		t.Fatalf("42 mails should wait:\n%s", text)
	}
}
