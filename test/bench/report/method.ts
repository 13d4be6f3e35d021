/** How the figures came to be, for the page of the benchmark. */
export const METHOD = `## How it is measured

\`npm run bench -- [N ...]\` (\`--help\` lists the flags) starts for each N a fresh kube-apiserver, etcd and kube-controller-manager on
this machine, a kubelet that only writes status, and a gateway controller that accepts every route; the operator runs from its
bundle, as in the image, with its RBAC and default flags. N Rollouts of 2 pods are spread over 50 namespaces, each with two
Services, an HTTPRoute, five weights with pauses of 5 s, and a gate that asks a metrics server every 2 s all along.

Requests and their times are the API server's audit log, filtered by the operator's user; memory and CPU are /proc; changes are
watches of the bench. The operator's own word is taken for three things: which events it meant to send (its log), when it has
synced and leads (its probe), and how long a status may wait before it is stored (its code), after which all must be told.

| phase | does |
|---|---|
| create | N Rollouts with Services and routes at once, to all healthy; before, on a control plane of its own, the same with Deployments, and N/10 of those changed at once |
| idle | nothing, some 40 s after that |
| costs | 300 writes of each kind, one after the other, without an operator: the API server's CPU for one |
| cold | the operator started where N Rollouts are at rest |
| single | 100 changes, one at a time, each taken back |
| tenth, all | N/10, then N Rollouts at once through five steps, until the old pods are gone |
| restart | N/10 at once; SIGKILL after 8 s and a new process |
| abort | bad metrics: one Rollout at a time; N/10 at once |
| mass | bad metrics: N/10 while all N are in flight, at 20 % and measured every 2 s; then the other 9/10 |
| rested | nothing, after all that |
| soak | N/20 changes a minute for hours, three groups in turn, a fifth of them bad; the slope of a line through the minima of 5 minutes each, once history is full, and its standard error |

A phase ends when all is at rest again, so its CPU is spread over more time than its figures.

*Stored* is the end of the request that stored the failing sample, which is the last status of its run before the route's last write;
*served* is the metrics server's answer with it, so the wait for its being judged and stored is in that figure; *route at 0 %* is the end of that write. A
metric has turned bad once the metrics server would say so. Canaries that begin at once are measured at once, so how long a bad metric has to wait for
the next measurement is the same chance for all of them: the aim is held against the interval and the slowest from *served* on.
A write that changed nothing is one that no watch saw, of all that were accepted for the object. Events that were told are counted in
the operator's log, those that arrived in the audit log, Rollout by Rollout; more writes than were told are named and no aim met, since one could stand for an event that was lost; one told again within ten seconds arrives with the first. A change and the first write about it are
counted from and to the moment at which the API server received each, so its own work on the change is part of the time. Reads at rest
leave out watches, which the log does not have, and the list of each kind that is compared with the cache about once an hour: no rest lasts for so long. Writes
at rest, after a start and in the delay of an abort count refused ones too. Each measurement has another value.
The delay of an abort (30 s) is looked at until two seconds before its end: from four seconds after each route is at 0 % where they abort
one at a time, and from ten seconds after the last one where they abort at once, since what only shows waits for so long then.

## What limits it

The CPU of kube-apiserver, wherever much happens at once: the tables above show its share, and the last line of the first one what a write costs it. Custom
resources are copied, validated against their schema and encoded as JSON many times over, and a third of its CPU is Go's garbage collection (its own profile, taken on
2026-11-23). Two cores, shared with all others, come to some 200 to 250 writes a second.

- *Create*: the last Rollout is healthy a fraction of a second after it was applied; the time is what applying takes beside the writes
  that each Rollout needs.
- *Change → first write*: two thirds are the API server's own work on the change, from its receipt to its answer; the line below has the rest.
- *N/10 canaries at once*: each has some 24 writes beside those of its measurements, and most of what exceeds the pauses is the time in which the
  pods of as many Deployments come, which is a line of its own.
- *N/10 bad at once, the other 9/10 at once*: each takes three writes of custom resources (the verdict, the route, the gateway's answer): with 500 Rollouts
  half a second to a second for 50, and six for 450. What is stored is acted upon within a second or little more all the while.
- *A canary whose history is full*: it deletes the oldest ReplicaSet, revision and run for each that it makes, which are three writes
  more than the 24 of the others.
- *Growth under load*: history was full after half an hour. Of what memory grew by afterwards it is not known yet what it is; it
  comes in steps of two to three megabytes with most of an hour between them.
- *All N at once*: each canary takes some 36 such writes, measurements and the gateway's answers among them: 90 s for 500.`;
