// Command ferretdb serves the MongoDB wire protocol from PostgreSQL by FerretDB, one command after the other.
//
// FerretDB 1 reads a document and then writes it, with nothing that holds it between, so that two conditional updates
// at the same time could both succeed, which MongoDB rules out. Commands that take turns cannot do that.
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
	headerBytes  = 16
	messageMax   = 48_000_000 // MongoDB's own maximum
	opMessage    = 2013       // the kind of message whose first field is flags
	flagNoAnswer = 1 << 1     // "more to come": the client waits for no answer
)

func main() {
	address := flag.String("listen", "127.0.0.1:17017", "where clients connect")
	socket := flag.String("socket", "ferretdb.sock", "a path for FerretDB's own socket")
	database := flag.String("postgres", "", "the URL of the PostgreSQL database that keeps everything")
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
	log.Printf("FerretDB answers at %s", address)
	err = ferret.Run(ctx)
	return err
}

func acceptAll(listener net.Listener, socket string) {
	var turn sync.Mutex
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go relay(client, socket, &turn)
	}
}

// relay carries the messages of one client, each with its answer, until either side ends.
func relay(client net.Conn, socket string, turn *sync.Mutex) {
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
		answer, err := ask(server, request, turn)
		if err != nil {
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// ask holds the turn from the whole request to the whole answer; a slow client holds up nobody.
func ask(server net.Conn, request []byte, turn *sync.Mutex) ([]byte, error) {
	turn.Lock()
	defer turn.Unlock()
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	if wantsNoAnswer(request) {
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

func wantsNoAnswer(request []byte) bool {
	return binary.LittleEndian.Uint32(request[12:]) == opMessage &&
		len(request) >= headerBytes+4 &&
		binary.LittleEndian.Uint32(request[headerBytes:])&flagNoAnswer != 0
}
