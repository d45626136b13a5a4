// Package batchudp is a UDP socket that sends runs of equal datagrams in one
// system call.
//
// A video frame is a run of RTP packets of one size to one address, of which
// only the last may be shorter. Linux takes such a run as one buffer
// (UDP_SEGMENT, since 4.18) and cuts it up behind the system call, which costs
// about a sixth of so many calls. Elsewhere, and where the kernel refuses, each
// datagram is sent by itself, as if this package were not there.
//
// # What waits, and for how long
//
// Only RTP waits, told apart by its first two bytes (RFC 7983 section 7, RFC 5761
// section 4). It is copied into the batch and leaves with it
//
//   - by Flush, which the writer calls when it knows of no more: at the end of an
//     access unit, and when the camera's socket is empty;
//   - before a datagram that the batch cannot take: one for another address, one
//     that is larger than those before it, one too many;
//   - right behind a shorter datagram, since nothing can follow that;
//   - before anything that is not RTP;
//   - after Deadline at the latest, or after Forgotten if the writer is trusted to
//     flush.
//
// A timer that is started for every frame is dear: it wakes a second thread, which
// looks for work and goes to sleep again, three futex calls and as many of epoll a
// frame. A reader that tells before it waits for more needs none, hence Trust. What
// such a writer forgets all the same is found by one timer for all sockets of the
// process, which runs while anything is sent and looks 50 times a second.
//
// Begin and End let the caller make a packet right in the batch.
//
// STUN, DTLS and RTCP are never copied: what has gathered goes out, and then they
// do, within the same call. A writer of retransmissions flushes behind them.
//
// # Locks and order
//
// One mutex guards the batch and is held over the system calls, so datagrams
// leave in the order in which the writes were called, whatever they are. A full
// send buffer therefore makes every writer of this socket wait, as it would
// without a batch, and nobody else: each session has a socket of its own. It is
// held from Begin to End, too. Nothing but the socket and, without a lock, the
// sweeper's timer is called under it. The sweeper has a mutex of its own for the list
// of sockets; it takes none of theirs while holding that, and sends on goroutines
// for which Close waits. Reading has a mutex of its own. Close closes the socket
// first, which wakes a writer that waits, and only then takes the mutex.
//
// # Errors
//
// A datagram that waits cannot have its error returned by the write that gathered
// it: errors are counted, see Stats. The caller of this package, an ICE agent,
// swallows them in any case.
//
// A batch that the kernel refuses is all unsent. It is split and sent singly, once.
// If the refusal says that batches do not work on this path (no checksum offload
// in the network device, a segment larger than the path's MTU, an option that the
// system does not know), none is tried again on this socket.
package batchudp
