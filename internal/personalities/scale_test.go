//go:build !full

package personalities_test

// scale shortens the times after which cameras do something.
const scale = 0.1

// tenths of the pictures arrive where one datagram of a thousand is lost, and late is how
// many times longer than promised what is promised may take: a busy machine needs longer
// to ask for a key frame, and for everything else.
const tenths, late = 8, 3
