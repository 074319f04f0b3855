package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/sandbox"
	"github.com/vpsync/vpsync/pkg/spec"
)

func (a *app) sandboxServeCommand(o *sandboxOptions) *cobra.Command {
	var addr string
	var provisioning time.Duration
	c := &cobra.Command{
		Use: "serve", Short: "Offer the emulated account over HTTP",
		Long: `Serves the emulated account until it is interrupted, and prints the environment that makes vpsync talk to it.

Of a stack with several accounts it serves all, each with a token of its own, and those of one provider at one address, as the
vendor does; --account serves one alone.`,
		Example: "  vpsync sandbox serve --addr 127.0.0.1:8080\n  vpsync sandbox serve --account servosphere",
		RunE:    func(c *cobra.Command, _ []string) error { return a.serve(c.Context(), *o, addr, provisioning) },
	}
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:0", "the `address` to listen on; port 0 picks one")
	c.Flags().DurationVar(&provisioning, "provisioning", 2*time.Second, "how long a new server takes to be ready")
	return c
}

// served is an API at an address of its own: the accounts that are emulated there.
type served struct {
	def      *providers.Definition
	accounts []servedAccount
	listener net.Listener
}

type servedAccount struct {
	name, variable, token string
}

// toServe are the accounts that are meant, by provider and in the order of the stack.
func (a *app) toServe(o sandboxOptions) ([]*served, error) {
	var all []*served
	add := func(def *providers.Definition, account, variable string) {
		at := slices.IndexFunc(all, func(s *served) bool { return s.def.Name == def.Name })
		if at < 0 {
			at, all = len(all), append(all, &served{def: def})
		}
		all[at].accounts = append(all[at].accounts, servedAccount{account, orElse(variable, def.Auth.TokenEnv), "sandbox-" + newID()})
	}
	stack, _ := spec.Load(a.dir)
	if o.provider != "" || stack == nil || len(stack.Providers) == 0 {
		account, def, err := a.emulated(o)
		if err != nil {
			return nil, err
		}
		add(def, account, "")
		return all, nil
	}
	var names []string
	for _, block := range stack.Providers {
		names = append(names, block.Account())
		if o.account != "" && o.account != block.Account() {
			continue
		}
		def, err := a.definition(block)
		if err != nil {
			return nil, err
		}
		add(def, block.Account(), block.TokenEnv)
	}
	if len(all) == 0 {
		return nil, notOneAccount(o.account, names)
	}
	return all, nil
}

func (a *app) serve(ctx context.Context, o sandboxOptions, addr string, provisioning time.Duration) (err error) {
	all, err := a.toServe(o)
	if err != nil {
		return err
	}
	if _, port, _ := net.SplitHostPort(addr); len(all) > 1 && port != "0" {
		return &remedyError{summary: "One address for several providers",
			detail: fmt.Sprintf("The stack speaks to %d providers, and each has an address of its own.", len(all)), remedy: "--addr 127.0.0.1:0    # or one of them: --account " + all[0].accounts[0].name}
	}
	stopped := make(chan error, len(all))
	trusted := a.env[trustedHosts]
	for _, api := range all {
		var accounts []*sandbox.Sandbox
		for _, account := range api.accounts {
			s, err := a.openSandbox(account.name, api.def, sandbox.Options{Provisioning: provisioning, Token: account.token})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			accounts = append(accounts, s)
		}
		if api.listener, err = net.Listen("tcp", addr); err != nil {
			return err
		}
		server := &http.Server{Handler: sandbox.Together(accounts...), ReadHeaderTimeout: 10 * time.Second}
		defer func() { err = errors.Join(err, server.Close()) }() // before the accounts that it serves
		go func() { stopped <- server.Serve(api.listener) }()
		if host, _, _ := net.SplitHostPort(api.listener.Addr().String()); !slices.Contains([]string{"127.0.0.1", "::1"}, host) {
			fmt.Fprintln(a.errs, "This sandbox can be reached from other machines.")
		}
		fmt.Fprintf(a.out, "export %s=http://%s\n", api.def.URLEnv, api.listener.Addr())
		for _, account := range api.accounts {
			fmt.Fprintf(a.out, "export %s=%s\n", account.variable, account.token)
		}
		if _, embedded := embedded()[api.def.Name]; !embedded {
			// Only named hosts are talked to in the words of a definition of one's own.
			trusted = strings.TrimPrefix(trusted+","+api.listener.Addr().String(), ",")
			fmt.Fprintf(a.out, "export %s=%s\n", trustedHosts, trusted)
		}
	}
	fmt.Fprintln(a.out, "# Served until it is interrupted.")
	select {
	case <-ctx.Done():
		return nil
	case err := <-stopped:
		return err
	}
}
