package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/vpsync/vpsync/internal/panics"
	"github.com/vpsync/vpsync/internal/shell"
	"github.com/vpsync/vpsync/pkg/daemon"
	"github.com/vpsync/vpsync/pkg/plan/render"
	"github.com/vpsync/vpsync/pkg/providers"
	"github.com/vpsync/vpsync/pkg/spec"
)

// streams are where a command reads and writes. Results go to out, everything else to errs.
type streams struct {
	in                                   io.Reader
	out, errs                            io.Writer
	inTerminal, outTerminal, errTerminal bool
	outWidth, errWidth                   func() int
	// secret reads a line that the terminal does not show; nil where there is no terminal. It gives back the terminal as it
	// was when the context ends, too.
	secret func(context.Context) (string, error)
}

// hooks are for tests alone; the zero value is what users run.
type hooks struct {
	// boundary is called at each point where a crash leaves a different trace; the constants that begin with Boundary name them.
	boundary func(point string)
	// locked is called when a command has just taken the lock of the state, and read nothing under it.
	locked func()
	// hurry is how long an embedded sandbox takes to provision, and poll after what time it is looked at; zero is what users get.
	hurry, poll time.Duration
	// lease is how long the lock of a state in a git remote outlives its holder; 0 is what users have.
	lease time.Duration
}

// app is one run of the program: global options, streams and environment.
type app struct {
	streams
	env     map[string]string
	hooks   hooks
	signals <-chan os.Signal

	typed   *bufio.Reader // of in: one for the whole run, since it reads ahead
	printed *outlet       // is out

	dir      string
	state    string
	home     string // where what vpsync keeps lies; empty for the stack's folder
	fetched  *fetched
	sandbox  bool
	json     bool
	noColor  bool
	dumb     bool // the terminal can only show lines: nothing is redrawn
	logLevel string
	log      *slog.Logger
	// secrets are what nothing that is printed may repeat: of the environment, of the stack, and whatever is sent.
	secrets *providers.Secrets
	// settings are the names of the variables that the accounts' tokens and addresses come from, for messages.
	settings map[string]accountSettings

	readersTold sync.Once // of warnOfReaders
	// warned are the warnings that were shown of a stack that was planned.
	warned spec.Diagnostics

	// lockTimeout is how long a run waits for another one that holds the lock.
	lockTimeout time.Duration

	// who carries out, where that is not whoever started the process, and at is the commit of a stack whose folder lies in no repository.
	who, at string
	// runID names this run in the lock, the journal and the history.
	runID string
	// args are what the program was called with, long flags with two dashes.
	args []string
	// ran is the command that was called, and stack what it works on, once they are known.
	ran   *cobra.Command
	stack *spec.Declarations
	// reviewed is what the stack is held against where it is not trusted; nil where it is.
	reviewed *reviewed
	// lines is where a command writes that prints a JSON object a line, once it has begun to.
	lines *jsonView

	// stop is cancelled by the first interrupt once a run has begun to send; before that an interrupt cancels everything.
	stop        context.Context
	cancelStop  context.CancelFunc
	tellStop    func() // what is in flight is finished; set before sending is closed
	interrupted bool
	sending     chan struct{} // closed when a run begins to send
}

// run is the whole program: it answers with the exit code.
func run(ctx context.Context, args []string, env map[string]string, s streams, signals <-chan os.Signal, h hooks) (code int) {
	a := &app{streams: s, typed: bufio.NewReader(s.in), env: env, hooks: h, signals: signals, sending: make(chan struct{}), settings: map[string]accountSettings{}, runID: newID(), printed: &outlet{to: s.out}, secrets: secretsOf(env)}
	a.out = a.printed
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.stop, a.cancelStop = context.WithCancel(context.Background())
	a.tellStop = func() {
		fmt.Fprintln(a.errs, "\nInterrupted: finishing what is in flight. Press Ctrl-C again to cancel it; what was sent then settles in the next run.")
	}
	defer a.cancelStop()
	defer func() {
		if mistake := recover(); mistake != nil {
			code = a.crashed(mistake, debug.Stack())
		}
	}()
	interrupts := make(chan int, 1)
	go a.watch(ctx, cancel, interrupts)

	a.args = args
	root := a.root()
	a.args = twoDashes(root, args)
	root.SetArgs(a.args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	err := root.ExecuteContext(ctx)
	select {
	case <-interrupts:
		a.interrupted = true
	default:
	}
	return a.finish(err)
}

// crashed tells of a mistake of vpsync's own. Left to itself a crash would end with 2, which means that there are changes.
func (a *app) crashed(mistake any, stack []byte) int {
	if other, ok := mistake.(*panics.Panic); ok {
		mistake, stack = other.Value, other.Stack
	}
	code, detail := exitFailed, "Nothing was changed."
	if a.begun() {
		code, detail = exitIncomplete, "What was sent is in the journal, and the next run settles it."
	}
	_ = render.Diagnostics(a.errs, spec.Diagnostics{{Severity: spec.SeverityError, Summary: "vpsync made a mistake of its own",
		Detail: detail + " Please report what follows.", Remedy: "https://github.com/vpsync/vpsync/issues"}}, a.errOptions())
	fmt.Fprintf(render.NewWriter(a.errs), "\nvpsync %s: %s\n\n%s", versionText(), a.secrets.Scrub(fmt.Sprint(mistake)), a.secrets.Scrub(string(stack)))
	return code
}

// secretsOf are those that an environment holds whatever the stack is. Tokens of accounts join them when the accounts are connected.
func secretsOf(env map[string]string) *providers.Secrets {
	s := &providers.Secrets{}
	s.Hide(env["VPSYNC_STATE_KEY"], env["INPUT_TOKEN"], env[daemon.DefaultTokenEnv])
	return s
}

// watch turns the first interrupt into "finish what is in flight" where something is in flight, and the second, or the
// first before that, into "stop at once".
func (a *app) watch(ctx context.Context, cancel context.CancelFunc, interrupts chan<- int) {
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case _, open := <-a.signals:
			if !open {
				return
			}
		}
		if n == 1 {
			interrupts <- n
		}
		a.cancelStop()
		if n == 1 && a.begun() {
			a.tellStop()
			continue
		}
		cancel()
	}
}

// finish shows an error, once, and gives its exit code.
func (a *app) finish(err error) int {
	code := exitCodeOf(err)
	if a.interrupted && errors.Is(err, context.Canceled) && (code == exitIncomplete || code == exitNeedsAnswer) {
		return code // the result was shown, and says what was done
	}
	if a.interrupted && (errors.Is(err, context.Canceled) || code == exitFailed && !a.begun()) {
		a.tellUntouched()
		return exitInterrupted
	}
	if d := a.unprinted(err); d != nil {
		if !a.begun() {
			code = exitFailed
		}
		_ = render.Diagnostics(a.errs, spec.Diagnostics{*d}, a.errOptions())
		return code
	}
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return code
	}
	var quiet *exitError
	if errors.As(err, &quiet) && quiet.shown {
		return code
	}
	a.show(err, code)
	return code
}

// tellUntouched says how a run ended that an interrupt stopped before it sent anything.
func (a *app) tellUntouched() { fmt.Fprintln(a.errs, "\nInterrupted. Nothing was changed.") }

// begun: a run has begun to send.
func (a *app) begun() bool {
	select {
	case <-a.sending:
		return true
	default:
		return false
	}
}

// root is the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "vpsync",
		Short: "Keep accounts at small VPS hosts as HCL says they should be",
		Long: `vpsync compares what HCL declares with what was recorded and what is live, shows an ordered plan, and
carries it out so that a crash loses nothing and buys nothing twice.

  vpsync init                 write a commented stack to start from
  vpsync plan --sandbox       see what would happen, on an emulated account
  vpsync apply --sandbox      make it so

` + exitCodeHelp(),
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.ran = cmd
			return a.prepare()
		},
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.dir, "chdir", "C", ".", "the stack's `folder`")
	flags.StringVar(&a.state, "state", "", "the state's `file` (default .vpsync/state.db in the stack's folder)")
	flags.BoolVar(&a.sandbox, "sandbox", false, "emulate every account: no token, no money; kept in .vpsync/sandbox")
	flags.BoolVar(&a.json, "json", false, "print JSON for programs")
	flags.BoolVar(&a.noColor, "no-color", false, "no colours (also with NO_COLOR set, or TERM=dumb)")
	flags.StringVar(&a.logLevel, "log-level", "", "log requests to stderr: debug, info, warn or error")
	_ = root.MarkPersistentFlagDirname("chdir")
	_ = root.MarkPersistentFlagFilename("state", "db")
	a.completingFlag(root, "log-level", these("debug", "info", "warn", "error"))
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	for _, group := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"The main job:", []*cobra.Command{a.initCommand(), a.fmtCommand(), a.validateCommand(), a.graphCommand(), a.planCommand(), a.applyCommand(), a.destroyCommand(), a.driftCommand(), a.daemonCommand(), a.approveCommand()}},
		{"Objects and questions:", []*cobra.Command{a.taskCommand(), a.importCommand(), a.resolveCommand(), a.unlockCommand()}},
		{"What is recorded:", []*cobra.Command{a.showCommand(), a.outputCommand(), a.historyCommand(), a.blameCommand(), a.costCommand(), a.stateCommand()}},
		{"About the tool:", []*cobra.Command{a.doctorCommand(), a.providersCommand(), a.schemaCommand(), a.githubCommand(), a.sandboxCommand(), a.versionCommand(), a.manCommand()}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, c := range group.commands {
			c.GroupID = group.title
			root.AddCommand(c)
		}
	}
	root.SetHelpCommandGroupID("About the tool:")
	root.SetCompletionCommandGroupID("About the tool:")
	root.AddCommand(a.exitCodesCommand(), a.evaluateCommand())
	root.SetHelpCommand(a.helpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	a.strict(root)
	var showVersion bool
	root.Flags().BoolVar(&showVersion, "version", false, "show the version")
	root.RunE = func(c *cobra.Command, _ []string) error {
		if showVersion {
			return a.showVersion()
		}
		return c.Help()
	}
	root.SetFlagErrorFunc(a.flagError)
	return root
}

// prepare reads the global options once they are parsed.
func (a *app) prepare() error {
	a.dumb = a.env["TERM"] == "dumb"
	if a.env["NO_COLOR"] != "" || a.dumb {
		a.noColor = true
	}
	if a.logLevel == "" {
		return nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return wrongUsage("--log-level %s: it is debug, info, warn or error", a.logLevel)
	}
	a.log = slog.New(slog.NewTextHandler(render.NewWriter(a.errs), &slog.HandlerOptions{Level: level}))
	return nil
}

// severalAccounts: the stack that was loaded has more than one, so that whatever is shown says which is meant.
func (a *app) severalAccounts() bool { return a.stack != nil && len(a.stack.Providers) > 1 }

// outOptions and errOptions are how text is laid out on the two streams.
func (a *app) outOptions() render.Options {
	return render.Options{Width: a.outWidth(), Color: a.outTerminal && !a.noColor, Command: a.command, Accounts: a.severalAccounts()}
}

// tableOptions never cut a cell where no terminal is too narrow for it: programs read what is piped.
func (a *app) tableOptions() render.Options {
	o := a.outOptions()
	if !a.outTerminal {
		o.Width = 1 << 20
	}
	return o
}

func (a *app) errOptions() render.Options {
	return render.Options{Width: a.errWidth(), Color: a.errTerminal && !a.noColor, Command: a.command, Accounts: a.severalAccounts()}
}

func (a *app) meta() render.Meta { return render.Meta{Version: versionText(), Sandbox: a.sandbox} }

// printJSON writes one document.
func (a *app) printJSON(v any) error {
	text, err := render.Encode(v)
	if err != nil {
		return err
	}
	_, err = a.out.Write(text)
	return err
}

// workDir is where vpsync keeps what is its own.
func (a *app) workDir() string {
	if a.sandbox {
		return filepath.Join(a.keepDir(), ".vpsync", "sandbox")
	}
	return filepath.Join(a.keepDir(), ".vpsync")
}

// homeDir is the folder that what vpsync keeps lies in: the stack's. One that is not trusted might bring a state along.
func (a *app) homeDir() string {
	if a.reviewed != nil && a.reviewed.dir != "" {
		return a.reviewed.dir
	}
	return a.dir
}

// fetched says where a stack comes from whose folder lies in no repository.
type fetched struct {
	repository string // on this disk; its origin is where the stack comes from
	path       string // of the stack's folder in it, with slashes
}

// keepDir is the folder that .vpsync lies in. That of a stack which is fetched anew again and again is another than the stack's.
func (a *app) keepDir() string {
	if a.home != "" {
		return a.home
	}
	return a.homeDir()
}

func (a *app) statePath() string {
	if a.state != "" {
		return a.state
	}
	return filepath.Join(a.workDir(), "state.db")
}

// confirm asks a question that only "yes" answers. Any other answer is an error, which says that nothing was changed.
func (a *app) confirm(ctx context.Context, question string) error {
	if !a.inTerminal {
		e := &remedyError{summary: "There is no terminal to ask on",
			detail: "Nothing was changed. With --auto-approve it goes on without a question."}
		if a.ran != nil {
			words := []string{a.ran.CommandPath()}
			for _, word := range a.ran.Flags().Args() {
				words = append(words, shell.Word(word))
			}
			e.remedy = strings.Join(append(words, "--auto-approve"), " ")
		}
		return e
	}
	fmt.Fprintf(a.errs, "\n%s\nOnly \"yes\" goes on: ", question)
	answer, err := a.readLine(ctx, false)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(answer) != "yes" {
		fmt.Fprintln(a.errs) // an answer of Ctrl-D leaves the line open
		return &remedyError{summary: "Not confirmed", detail: "Nothing was changed."}
	}
	return nil
}

// readLine is what is typed next. A hidden line is not shown while it is typed. Nothing but the end of the input is io.EOF.
func (a *app) readLine(ctx context.Context, hidden bool) (string, error) {
	if hidden && a.secret != nil {
		line, err := a.secret(ctx)
		fmt.Fprintln(a.errs) // the terminal did not show the end of the line either
		return line, err
	}
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := a.typed.ReadString('\n')
		if line != "" {
			err = nil
		}
		answered <- answer{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case got := <-answered:
		return got.line, got.err
	}
}
