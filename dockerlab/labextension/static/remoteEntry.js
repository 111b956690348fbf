// A JupyterLab 4 extension written by hand, so that no installation needs Node: JupyterLab loads this script, then calls init and get of the
// container that it leaves in window._JUPYTERLAB. (JupyterLab: extension developer guide, prebuilt extensions; webpack's module federation.)
(() => {
  const DOCKERFILE = "text/x-dockerfile";
  const PROSE = "text/plain";
  const SHELL = "text/x-sh";
  const MAGICS = [
    [/^\s*%%(?:dockerfile|variables)\b/, DOCKERFILE],
    [/^\s*%%writefile\s.*Dockerfile\S*\s*$/, DOCKERFILE],
    [/^\s*%%predict\b/, PROSE],
    [/^\s*%%exec\b/, SHELL],
  ];
  const KERNEL = "dockerlab"; // in it a cell that starts with an instruction is a build
  const DOCKERFILE_CELL = /^(?:\s*#.*\n|\s*\n)*\s*(?:FROM|ARG)\s+[^=\s]/;
  const NOT_FOUND = "Error displaying widget: model not found"; // what the widget manager writes in the place of a widget that no kernel knows
  let scope;

  const shared = async (name) => {
    const versions = scope[name];
    return (await versions[Object.keys(versions)[0]].get())();
  };

  // Cells of our magics look like what they hold: a Dockerfile, a question, a script. Python would colour a question's "is" and "in".
  const highlight = (panel) => {
    const look = (cell) => {
      const source = cell.sharedModel.getSource();
      const own = panel.sessionContext.session?.kernel?.name === KERNEL && DOCKERFILE_CELL.test(source);
      const first = source.split("\n", 1)[0];
      const wanted = own ? DOCKERFILE : MAGICS.find(([magic]) => magic.test(first))?.[1];
      if (wanted) cell.mimeType = wanted;
      else if ([DOCKERFILE, PROSE, SHELL].includes(cell.mimeType)) cell.mimeType = panel.content.codeMimetype;
    };
    const watch = (cell) => {
      if (cell.type !== "code") return;
      cell.contentChanged.connect(() => look(cell));
      // when the kernel's info arrives the notebook sets Python on every cell, and the editor loads it late: ours must come after
      cell.mimeTypeChanged.connect(() => setTimeout(() => look(cell), 100));
      look(cell);
    };
    const { cells } = panel.content.model;
    panel.sessionContext.kernelChanged.connect(() => {
      for (const cell of cells) if (cell.type === "code") look(cell);
    });
    for (const cell of cells) watch(cell);
    cells.changed.connect((_, change) => {
      for (const cell of change.newValues ?? []) watch(cell);
    });
  };

  // A live picture whose kernel is gone shows its still twin, which lies beside it in the notebook.
  const fallBack = (panel) => {
    const { content } = panel;
    const stand = async (output, model) => {
      const still = content.rendermime.createRenderer("text/html");
      await still.renderModel(model);
      output.node.textContent = "";
      output.addWidget(still);
    };
    const look = () => {
      for (const { outputArea } of content.widgets) {
        outputArea?.widgets.forEach((row, at) => {
          const output = row.widgets?.at(-1);
          const model = outputArea.model.get(at);
          if (output?.node.textContent === NOT_FOUND && output.addWidget && model?.data["text/html"]) stand(output, model);
        });
      }
    };
    let soon = 0;
    const observer = new MutationObserver(() => {
      clearTimeout(soon);
      soon = setTimeout(look, 100);
    });
    observer.observe(content.node, { childList: true, characterData: true, subtree: true });
    panel.disposed.connect(() => observer.disconnect());
  };

  const plugin = async () => {
    const { INotebookTracker } = await shared("@jupyterlab/notebook");
    return {
      id: "jupyter-dockerlab:plugin",
      description: "Build cells and pictures of dockerlab.",
      autoStart: true,
      requires: [INotebookTracker],
      activate: (app, tracker) => {
        tracker.widgetAdded.connect((_, panel) => {
          fallBack(panel);
          panel.context.ready.then(() => highlight(panel));
        });
      },
    };
  };

  const container = {
    init: (given) => {
      scope = given;
    },
    get: async () => {
      const one = await plugin();
      return () => ({ __esModule: true, default: one }); // without __esModule JupyterLab takes the whole object for the plugin
    },
  };
  (window._JUPYTERLAB ??= {})["jupyter-dockerlab"] = container;
})();
