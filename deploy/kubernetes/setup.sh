#!/bin/sh
# What Kubernetes cannot make by itself, after `kubectl apply -k` and whenever nodes were added:
# a one-time token for every node whose agent has no certificate yet, and what Prometheus needs to
# scrape. Run by somebody who may exec into the collector and write secrets in its namespace.
#
#   sh deploy/kubernetes/setup.sh          NAMESPACE=wattgram and kubectl's own context
#
# Tokens are good once and for an hour. Nothing secret is shown or is an argument.
set -eu
namespace=${NAMESPACE:-wattgram}
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tokens" "$work/scrape"

in_collector() { kubectl -n "$namespace" exec deploy/wattgram-collector -c collector -- "$@"; }
wattgram() { in_collector wattgram-collector "$@" --config /etc/wattgram/collector.toml; }
keep() { # NAME DIRECTORY: a secret of the directory's files, in the place of the last one
  kubectl -n "$namespace" create secret generic "$1" --from-file="$2" --dry-run=client -o yaml \
    | kubectl -n "$namespace" apply -f - > /dev/null
}

kubectl -n "$namespace" rollout status deploy/wattgram-collector --timeout=300s

# An agent whose first container is not done waits for its token.
kubectl -n "$namespace" get pods -l app.kubernetes.io/name=wattgram-agent -o \
  'jsonpath={range .items[*]}{.spec.nodeName} {.status.initContainerStatuses[0].ready}{"\n"}{end}' \
  > "$work/nodes"
count=0
while read -r node ready; do
  if [ -n "$node" ] && [ "$ready" != true ]; then
    wattgram enroll "$node" --hours 1 < /dev/null > "$work/tokens/$node" 2> "$work/said" \
      || { cat "$work/said" >&2; exit 1; }
    count=$((count + 1))
  fi
done < "$work/nodes"
if [ "$count" -gt 0 ]; then
  keep wattgram-enrolment "$work/tokens"
fi
echo "$count nodes get a token; their agents start within minutes"

if ! kubectl -n "$namespace" get secret wattgram-scrape > /dev/null 2>&1; then
  wattgram token remove prometheus > /dev/null 2>&1 || true
  wattgram token add prometheus > "$work/token" 2> "$work/said" || { cat "$work/said" >&2; exit 1; }
  tr -d '\n' < "$work/token" > "$work/scrape/token"
  in_collector cat /var/lib/wattgram-collector/ca/ca.pem > "$work/scrape/ca.pem"
  keep wattgram-scrape "$work/scrape"
  echo "secret wattgram-scrape: a token for Prometheus and the authority of the collector"
fi
