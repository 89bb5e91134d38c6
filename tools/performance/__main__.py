"""`python -m tools.performance`: write the page and its plots."""

from tools.performance.figures import committed
from tools.performance.page import PAGE, page
from tools.performance.plots import draw

if __name__ == "__main__":
    found = committed()
    PAGE.write_text(page(found))
    draw(found)
