// Command server runs the invented host of this example on this machine, until it is interrupted.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/vpsync/vpsync/examples/own-provider/tern"
)

const key = "a-key-for-trying"

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("export TERN_API_URL=http://%s/v3\nexport TERN_API_KEY=%s\nexport VPSYNC_TRUSTED_HOSTS=%s\n", listener.Addr(), key, listener.Addr())
	server := &http.Server{Handler: tern.New(key), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}
