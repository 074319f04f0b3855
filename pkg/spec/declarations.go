package spec

import "slices"

// Declarations are what a stack says before anything is worked out: what its files are, who it speaks to, and which values it asks
// for. They are data, and travel from the process that read the stack to the one that works with it.
type Declarations struct {
	// Dir is the folder. Functions such as file() cannot leave it.
	Dir string
	// Providers are the stack's provider blocks, in source order. A caller finds a Schema for each and passes them to Evaluate.
	Providers []ProviderBlock
	// Moves are the stack's moved blocks, in source order.
	Moves []Move
	// Settings are what the stack says about vpsync itself.
	Settings Settings
	// Variables are the stack's variable blocks, in the order of the files and in them.
	Variables []Variable
	// Sources are the SHA-256 hashes of the files that the stack was read from, in hex, by name.
	Sources map[string]string
	// Asks are the blocks by which the stack has the accounts asked: data and import, in source order.
	Asks []Ask
	// Bare: the stack declares no resource.
	Bare bool
}

// Ask is a block that has an account asked for what no resource declares.
type Ask struct {
	Block  string // "data.servers.all", or "import"
	Source string // the SHA-256 of the block as it is written, in hex
	Range  Range  // of its header
}

// Variable is what one variable block says of itself.
type Variable struct {
	Name        string
	Description string // or empty
	Type        string // as HCL writes it: "list(string)"
	Sensitive   bool
	// Needed: it has no default, so something must give it a value.
	Needed bool
	Range  Range // of the block's header
}

func (d *Declarations) variable(name string) *Variable {
	i := slices.IndexFunc(d.Variables, func(v Variable) bool { return v.Name == name })
	if i < 0 {
		return nil
	}
	return &d.Variables[i]
}

// Secret: the stack declares the variable as sensitive, or does not know it, so that its value may be one.
func (d *Declarations) Secret(variable string) bool {
	v := d.variable(variable)
	return v == nil || v.Sensitive
}

// Declares says whether the stack has a variable of that name.
func (d *Declarations) Declares(variable string) bool { return d.variable(variable) != nil }

// Unset are the variables without a default to which nothing gives a value.
func (d *Declarations) Unset(given []VariableValue) []Variable {
	var open []Variable
	for _, v := range d.Variables {
		if v.Needed && !slices.ContainsFunc(given, func(g VariableValue) bool { return g.Name == v.Name }) {
			open = append(open, v)
		}
	}
	return open
}
