package site

import _ "embed"

// Example is a commented site's file with every key, its default, and what
// speaks for another value.
//
//go:embed example.yaml
var Example string
