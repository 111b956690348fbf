"""What `%layers` and its like show where a front end is alive: pictures that ask for what they are about to show.

    asking.py        AskingWidget: the bridge; the view asks {id, ask, about}, Python answers {id, answer} or {id, error}
    modules.py       the ES modules of static/, put together to the one that a widget is made of: no bundler, no Node, no network
    layer_stack.py   an image's layers, and the files of each        static/layer_stack.js

A view is drawn from the traits alone and stays readable when nobody answers (an exported page with its state saved). Each result of a magic has a static twin
besides, HTML and SVG, in `pictures.py`: for code hosting, print, and wherever widgets can't run.
"""
