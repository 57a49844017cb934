package bucket

import (
	"io/fs"
	"slices"
	"strings"
)

// Walk is a walk through folders that are laid out like a bucket. It finds files in
// the order in which a bucket lists their keys. The key of a file is its path with
// forward slashes.
type Walk struct {
	Prefix string // only keys that begin with it; empty: all keys
	After  string // only keys after this one, bytewise; empty: all keys
	Flat   bool   // yield folders instead of entering them

	// Read returns the entries of a folder, in any order. The name of the folder is
	// its key: empty, or with a slash at its end.
	Read func(folder string) ([]fs.DirEntry, error)

	// Yield takes a file, or with Flat a folder, whose key ends with a slash. With an
	// error of Read the entry is nil, and the key is that of the folder. Yield
	// reports whether to go on.
	Yield func(key string, e fs.DirEntry, err error) bool
}

// Folder walks through one folder and those below it. Its name is as Read takes it.
// It returns false as soon as a Yield wants no more. An error of Read goes to
// Yield.
func (w *Walk) Folder(name string) bool {
	entries, err := w.Read(name)
	if err != nil {
		return w.Yield(name, nil, err)
	}
	sortAsKeys(entries)
	for _, e := range entries {
		if !w.walkEntry(name+e.Name(), e) {
			return false
		}
	}
	return true
}

// walkEntry yields a file, or enters a folder, if its key is asked for. With Flat
// it yields a folder instead. It returns false if a Yield wants no more.
func (w *Walk) walkEntry(key string, e fs.DirEntry) bool {
	if !e.IsDir() {
		if key <= w.After || !strings.HasPrefix(key, w.Prefix) {
			return true
		}
		return w.Yield(key, e, nil)
	}
	key += "/"
	switch {
	case !strings.HasPrefix(key, w.Prefix) && !strings.HasPrefix(w.Prefix, key):
		return true
	case key < w.After && !strings.HasPrefix(w.After, key):
		return true
	case w.Flat:
		return w.Yield(key, e, nil)
	}
	return w.Folder(key)
}

// sortAsKeys puts names in the order of the keys that they become: a folder sorts
// with its slash.
func sortAsKeys(entries []fs.DirEntry) {
	compare := func(a, b fs.DirEntry) int { return strings.Compare(keyName(a), keyName(b)) }
	if !slices.ContainsFunc(entries, fs.DirEntry.IsDir) {
		compare = func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) }
	}
	if !slices.IsSortedFunc(entries, compare) {
		slices.SortFunc(entries, compare)
	}
}

// keyName is the name of an entry as its key ends.
func keyName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}
