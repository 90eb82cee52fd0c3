"""The rehearsal: a local OpenAI-compatible server, so that a whole recipe runs without keys or GPUs.

    python -m tasks.models.rehearsal --port 0 --journal journal.jsonl [--latency-ms 20]

It prints one line of JSON with its address when it is ready (`{"url": "http://127.0.0.1:41234/v1", ...}`),
listens on this machine only unless `--host` says otherwise, and stops on SIGTERM or SIGINT.

    POST /v1/chat/completions   chat completions, not streamed; `response_format` json_schema is honoured
    GET  /v1/models             the six models
    GET  /health                {"status": "ok", "rehearsal": true}
    GET  /journal               what was served and charged, by this process and over the whole file

    rehearsal/solver    replays recorded model solutions of 270 competition problems (PyPI champ-dataset);
                        `seed` k picks the k-th different recording; the box is cut by rule from the
                        recorded closing sentence, never taken from the data set's answer
    rehearsal/screener  rules on the text of a post: is it one self-contained, verifiable question?
    rehearsal/converter rules on a question that can be guessed: its open form, or none
    rehearsal/judge     rules on two texts: the same problem?
    rehearsal/rater     rules on the text: difficulty 1 to 10; `seed` moves the rating a little
    rehearsal/topic     rules on the text: one chain of the topic tree

The problem is what stands between `<problem>` and `</problem>` in the last user turn that has such a fence
(the judge: `<problem_1>` and `<problem_2>`). No role sees an answer key, and no rule knows one row.

What keeps its output from being taken for a real model's: every reply has `"rehearsal": true`, the header
`X-Rehearsal: true`, `system_fingerprint` "rehearsal-1" and a model name that begins with `rehearsal/`; a
solution opens with a line that names the recording; a judgement's reason begins with "rehearsal rule:".

Before a reply is sent its line is in the journal file, so a reply that anyone may have used is always
counted, also after SIGKILL: the journal is the witness for "paid once" that owes the ledger nothing.
"""
