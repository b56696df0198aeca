/* Threads: few, named, listed here with what each may block on.
 *
 *  name     how many      does                       may block on
 *  main     1             event loop, control socket epoll only
 *  http     1             curl multi                 sockets (poll), never disk
 *  fetch    1             starts requests, times     a layout's child
 *  layout   0..1 a source reads a layout's folder   its child, ten seconds
 *  decode   cores, max 4  decode, verify, write      data file's disk
 *  maker    0..16         makes layers, unpacks them network, decode, disk
 *  fuse     2..4          FUSE requests              epoll, local disk reads
 *  job      0..8          mounts, pulls, resolves    network, disk, other jobs
 *  collect  1             removes unwanted images    disk, layers being made
 *  cache    1             evicts, ages the store     disk, writes under way
 *  audit    1             checks foreign indexes     network, decode, disk
 *  rpc      32            runtimes' calls            disk, openers
 *  opener   8 a runtime   images that runtimes pull  network, disk, makers
 *  record   1             saves what starts read     disk
 *  store    1             podman's counts            supervisor, disk
 *  store-pull  8          podman's lookups           openers, network
 *  metrics  1             answers scrapers           locks, state.db
 *  publish  0..1          publishes indexes, profiles network, disk
 *  reaper   1             what snapshots left        supervisor, disk
 *  convert  3             a layer each: the command  network, disk, press
 *  press    1..64         compress: the command      nothing
 *  sender   0..3          sends what a layer becomes network, convert
 *
 * Signals are blocked in all but main, except those of a thread's own faults.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

struct err;

/* Starts a joinable thread called `name` (15 bytes at most) with those signals
 * blocked. */
int thread_start(pthread_t *t, const char *name, void *(*run)(void *),
    void *arg, struct err *e);

#endif
