package providers

import (
	"github.com/vpsync/vpsync/pkg/spec"
)

// Price says where the monthly price of an object is found: in the entry of a list that a data source answers.
type Price struct {
	Data string // the name of the data source, which is asked without arguments
	List string // its attribute that holds the entries
	// Match is attribute of the kind to the member of an entry that equals it, of the entry that is meant.
	Match   map[string]string
	Monthly string // the member with the price of a month, a number
	// Currency is what all prices are in ("EUR"), or empty; CurrencyIn the member that tells it, or empty. One of the two at most.
	Currency, CurrencyIn string
}

// Billing says which data sources tell what an account was charged. Either part may be nil.
type Billing struct {
	Usage    *Usage
	Invoices *Invoices
}

// Usage is a data source that answers what was used in a billing period. The words are names of its attributes, and
// empty where there is none.
type Usage struct {
	Data string
	// Current and Previous are what is asked with for the two periods; Previous is nil where only the current one can be asked for.
	Current, Previous spec.Values
	Total             string // a number
	Currency          string
	Period            string
	// Parts is an object of objects, one for each sort of thing that is charged, and Cost their member with the amount.
	Parts, Cost string
}

// Invoices is a data source that lists invoices. The words, but for Data and List, are members of an entry, and empty where
// there is none.
type Invoices struct {
	Data, List       string
	Number, Status   string
	Amount, Currency string
	Period, Due      string
}
