/** How the figures came to be, for the page of the benchmark. */
export const METHOD = `## How it is measured

\`npm run bench -- [N ...]\` (\`--help\` lists the flags) starts for each N a fresh kube-apiserver, etcd and kube-controller-manager on
this machine, a kubelet that only writes status, and a gateway controller that accepts every route; the operator runs from its
bundle, as in the image, with its RBAC and default flags. N Rollouts of 2 pods are spread over 50 namespaces, each with two
Services, an HTTPRoute, five weights with pauses of 5 s, and a gate that asks a metrics server every 2 s all along.

Nothing is taken from the operator's own word, except which events it meant to send: requests and their times are the API
server's audit log, filtered by the operator's user; memory and CPU are /proc; changes are watches of the bench.

| phase | does |
|---|---|
| create | N Rollouts with Services and routes at once, to all healthy; before, on a control plane of its own, the same with Deployments, and N/10 of those changed at once |
| idle | nothing, some 40 s after that |
| cold | the operator started where N Rollouts are at rest |
| single | 100 changes, one at a time, each taken back |
| tenth, all | N/10, then N Rollouts at once through five steps, until the old pods are gone |
| restart | N/10 at once; SIGKILL after 8 s and a new process |
| abort | bad metrics: one Rollout at a time; N/10 at once |
| mass | bad metrics: N/10 while all N are in flight; then the other 9/10 |
| rested | nothing, after all that |
| soak | N/20 changes a minute for hours, three groups in turn, a fifth of them bad; the slope of a line through the minima of 5 minutes each, once history is full, and its standard error |

A phase ends when all is at rest again, so its CPU is spread over more time than its figures.

*Stored* is the end of the request that stored the failing sample, which is the last status of its run before the route's last write;
*route at 0 %* is the end of that write. A metric has turned bad once the metrics server would say so.
A write that changed nothing is one that no watch saw, of all that were accepted for the object. Events that were told are counted in
the operator's log, those that arrived in the audit log, Rollout by Rollout; more writes than were told are named, since one could stand for an event that was lost. A change and the first write about it are
counted from and to the moment at which the API server received each, so its own work on the change is part of the time. Writes
at rest, after a start and in the delay of an abort count refused ones too. Each measurement has another value.
The delay of an abort is looked at from ten seconds after the last of those at once is at 0 %, when all about it has been told.

## What limits it

Measured on 2026-11-23 beside a fleet of 60 at rest, one write after the other, watches included: a patch of a Rollout's status costs the API
server 9.5 to 11 ms of CPU and one of an HTTPRoute 9 ms, where a ConfigMap of 3 KB takes 1.5 ms, a Service 2.3 ms and an event 0.9 ms. Custom
resources are copied, validated against their schema and encoded as JSON many times over; a third of it is Go's garbage
collection. Two cores, shared with all others, come to some 200 to 250 writes a second.

- *The other 9/10 at once*: each takes three such writes (the verdict, the route, the gateway's answer), some 27 ms on two cores: 6 s for 450 and
  12 s for 900, besides the interval. What is stored is acted upon within a second all the while.
- *Create*: the last Rollout is healthy a fraction of a second after it was applied; the time is what applying takes beside the writes
  that each Rollout needs.
- *All N at once*: each canary takes some 36 such writes, measurements and the gateway's answers among them: 90 s for 500.`;
