// Package tools pins what makes packages and what looks for mistakes, in a module of its
// own: the product's go.mod has nothing of theirs.
package tools
