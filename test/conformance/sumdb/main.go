// Verifies a log of ours with the code of the Go checksum database (golang.org/x/mod/sumdb), which we did not write:
// signed notes, tiles, inclusion and consistency. `main DIRECTORY`, as test/conformance/sumdb.test.ts lays it out.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	dir := os.Args[1]
	verifier, err := note.NewVerifier(strings.TrimSpace(read(dir, "vkey")))
	check(err)
	size, root := open(read(dir, "checkpoint"), verifier)
	tiles := tileReader{dir: dir, size: size}
	hashes := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, tiles)

	computed, err := tlog.TreeHash(size, hashes)
	check(err)
	require(computed == root, "the root does not follow from the tiles")

	// Every entry against the tiles, which the root vouches for, and some by their own proofs.
	for n := int64(0); n*256 < size; n++ {
		entries, stored := tiles.bundle(n), tiles.leaves(n)
		for i, entry := range entries {
			index, leaf := n*256+int64(i), tlog.RecordHash(entry)
			require(string(leaf[:]) == stored[i*32:i*32+32], "an entry is not the one of its tile")
			if index%997 != 0 && index+3 < size {
				continue
			}
			proof, err := tlog.ProveRecord(size, index, hashes)
			check(err)
			check(tlog.CheckRecord(proof, size, root, index, leaf))
		}
	}

	receipts, err := filepath.Glob(filepath.Join(dir, "*.tlog-proof"))
	check(err)
	for _, file := range receipts {
		receipt(file, verifier)
	}

	lines := strings.Split(strings.TrimSpace(read(dir, "consistency")), "\n")
	oldSize, oldRoot := open(read(dir, "checkpoint-before"), verifier)
	var proof tlog.TreeProof
	for _, line := range lines {
		proof = append(proof, hash(line))
	}
	check(tlog.CheckTree(proof, size, root, oldSize, oldRoot))

	fmt.Printf("%d records, %d receipts, from %d\n", size, len(receipts), oldSize)
}

// open verifies a checkpoint and returns what it says.
func open(text string, verifier note.Verifier) (int64, tlog.Hash) {
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	require(lines[0] == verifier.Name(), "the checkpoint is of another log")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	return size, hash(lines[2])
}

// receipt checks a proof in the form c2sp.org/tlog-proof@v1; its extra data is the entry.
func receipt(file string, verifier note.Verifier) {
	text := read(filepath.Dir(file), filepath.Base(file))
	head, checkpoint, found := strings.Cut(text, "\n\n")
	require(found, "the receipt has no checkpoint")
	lines := strings.Split(head, "\n")
	require(lines[0] == "c2sp.org/tlog-proof@v1", "the receipt has another version")
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	check(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	check(err)
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		proof = append(proof, hash(line))
	}
	size, root := open(checkpoint, verifier)
	check(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(entry)))
}

// tileReader reads tiles under the paths of C2SP tlog-tiles, which differ from those of the checksum database.
type tileReader struct {
	dir  string
	size int64
}

func (r tileReader) Height() int { return height }

func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		name := filepath.Join("tile", strconv.Itoa(tile.L), path(tile.N, tile.W))
		bytes, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

func (r tileReader) width(n int64) int {
	if (n+1)*256 > r.size {
		return int(r.size % 256)
	}
	return 256
}

func (r tileReader) leaves(n int64) string {
	return read(r.dir, filepath.Join("tile", "0", path(n, r.width(n))))
}

func (r tileReader) bundle(n int64) (entries [][]byte) {
	rest := []byte(read(r.dir, filepath.Join("tile", "entries", path(n, r.width(n)))))
	for len(rest) > 0 {
		length := int(binary.BigEndian.Uint16(rest))
		entries = append(entries, rest[2:2+length])
		rest = rest[2+length:]
	}
	require(len(entries) == r.width(n), "a bundle has another number of entries")
	return entries
}

func path(n int64, width int) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	if width < 1<<height {
		text += fmt.Sprintf(".p/%d", width)
	}
	return text
}

func hash(text string) (h tlog.Hash) {
	bytes, err := base64.StdEncoding.DecodeString(text)
	check(err)
	require(len(bytes) == len(h), "a hash has another length")
	copy(h[:], bytes)
	return h
}

func read(dir, name string) string {
	bytes, err := os.ReadFile(filepath.Join(dir, name))
	check(err)
	return string(bytes)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func require(holds bool, what string) {
	if !holds {
		check(fmt.Errorf("%s", what))
	}
}
