// Command ferretdb serves the MongoDB wire protocol from PostgreSQL by FerretDB, one command at a time.
//
// FerretDB 1 reads a document and then writes it, without a lock, so that two concurrent conditional updates could both
// succeed, which MongoDB excludes. Commands that are serialized cannot.
package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

const (
	headerBytes    = 16
	messageMax     = 48_000_000 // MongoDB's own maximum
	opMessage      = 2013       // OP_MSG, whose first field is its flags
	flagMoreToCome = 1 << 1     // the client expects no response
)

func main() {
	address := flag.String("listen", "127.0.0.1:17017", "where clients connect")
	socket := flag.String("socket", "ferretdb.sock", "a path for FerretDB's own socket")
	database := flag.String("postgres", "", "the URL of the PostgreSQL database with the data")
	flag.Parse()
	if err := serve(*address, *socket, *database); err != nil {
		log.Fatal(err)
	}
}

func serve(address, socket, database string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	ferret, err := ferretdb.New(&ferretdb.Config{
		Listener:      ferretdb.ListenerConfig{Unix: socket},
		Logger:        slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Handler:       "postgresql",
		PostgreSQLURL: database,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go acceptAll(listener, socket)
	log.Printf("FerretDB listens on %s", address)
	err = ferret.Run(ctx)
	return err
}

func acceptAll(listener net.Listener, socket string) {
	var mutex sync.Mutex
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go relay(client, socket, &mutex)
	}
}

// relay forwards the messages of one client, and the response to each, until either side closes.
func relay(client net.Conn, socket string, mutex *sync.Mutex) {
	defer client.Close()
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	for {
		request, err := readMessage(client)
		if err != nil {
			return
		}
		response, err := roundTrip(server, request, mutex)
		if err != nil {
			return
		}
		if _, err := client.Write(response); err != nil {
			return
		}
	}
}

// roundTrip holds the mutex from a complete request to a complete response, so that a slow client blocks no other.
func roundTrip(server net.Conn, request []byte, mutex *sync.Mutex) ([]byte, error) {
	mutex.Lock()
	defer mutex.Unlock()
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	if expectsNoResponse(request) {
		return nil, nil
	}
	return readMessage(server)
}

func readMessage(from io.Reader) ([]byte, error) {
	header := make([]byte, headerBytes)
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header)
	if length < headerBytes || length > messageMax {
		return nil, fmt.Errorf("a message of %d bytes", length)
	}
	message := make([]byte, length)
	copy(message, header)
	_, err := io.ReadFull(from, message[headerBytes:])
	return message, err
}

func expectsNoResponse(request []byte) bool {
	return binary.LittleEndian.Uint32(request[12:]) == opMessage &&
		len(request) >= headerBytes+4 &&
		binary.LittleEndian.Uint32(request[headerBytes:])&flagMoreToCome != 0
}
