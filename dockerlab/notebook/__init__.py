"""The notebook's face: `%load_ext dockerlab` brings the magics; results are Python objects that show themselves as text and as HTML.

%%dockerfile -t site:1      → Build        %layers site:1   → LayerStack
%docker run -d --name a …   → Ran          %%exec a         → Ran
h = %history site:1         → History      %cow a           → CopyOnWrite
%context .                  → ContextSeen  %process site:1  → ProcessSeen
%check layers-1             → Verdict

A result is shown as text and as a still picture (`pictures`); those that are `Live` are shown by a widget too where somebody looks on (`widgets`).
"""
