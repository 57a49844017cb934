package flagvalue

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 5, time.FixedZone("", 3600))
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-03-01T08:00:00Z":      time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		"2026-03-01T08:00:00+02:00": time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC),
		"2026-03-01":                time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"36h":                       time.Date(2026, 3, 8, 23, 0, 0, 0, time.UTC),
		"1d":                        time.Date(2026, 3, 9, 11, 0, 0, 0, time.UTC),
		"2w":                        time.Date(2026, 2, 24, 11, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-1h", "-1d", "1.5d", "2026-02-30", "1m2d", "99999999999w"} {
		if got, err := ParseTime(text, now); err == nil {
			t.Errorf("%q was read as %v, want an error", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "7B": 7, "2kB": 2000, "2KB": 2000, "3KiB": 3 << 10, "500MB": 500e6, "1GiB": 1 << 30, "4TB": 4e12, "1 MiB": 1 << 20} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "MB", "1.5GB", "1mb", "1GG", "9999999TiB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q was read as %d, want an error", text, got)
		}
	}
}
