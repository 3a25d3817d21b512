#!/usr/bin/env sh
# Commits some paths to a branch and opens a pull request for it, or renews the one that is open.
# Does nothing when they have not changed.
#
#   GH_TOKEN=... scripts/propose.sh BRANCH TITLE FILE-WITH-THE-TEXT PATH...
#
# The token stays in the environment: git asks gh for it, and nothing is written to disk.
set -eu
if [ $# -lt 4 ]; then
    echo "usage: scripts/propose.sh BRANCH TITLE FILE-WITH-THE-TEXT PATH..." >&2
    exit 2
fi
branch=$1 title=$2 text=$3
shift 3
git add -- "$@"
if git diff --cached --quiet -- "$@"; then
    echo "nothing has changed in: $*"
    exit 0
fi
git switch --quiet --force-create "$branch"
git -c user.name="github-actions[bot]" \
    -c user.email="41898282+github-actions[bot]@users.noreply.github.com" \
    commit --quiet --message "$title" -- "$@"
# What an earlier run proposed on this branch and nobody merged is out of date.
git -c credential.helper= -c credential.helper='!gh auth git-credential' \
    push --quiet --force origin "$branch"
body=$(mktemp)
trap 'rm -f "$body"' EXIT
cat "$text" - >"$body" <<'END'

Merging it is the decision, reverting it takes it back. No check starts by itself on a pull request
of GitHub Actions: close it and open it again to run them.
END
number=$(gh pr list --head "$branch" --state open --json number --jq '.[].number')
if [ -z "$number" ]; then
    gh pr create --base main --head "$branch" --title "$title" --body-file "$body"
else
    # `gh pr edit` asks for more than the token of a workflow may read.
    gh api --silent --method PATCH "repos/{owner}/{repo}/pulls/$number" \
        --raw-field title="$title" --field body="@$body"
fi
