"""``bestiary atlas``: the whole collection as a site, served to a browser or written as files."""

from __future__ import annotations

from pathlib import Path

import click

from bestiary.cli.output import bar, json_option, print_json, remark


@click.command("atlas")
@click.option("--export", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Write the site as files.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; this machine alone by default.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes one that is free."
)
@click.option("--open", "opened", is_flag=True, help="Open it in the browser.")
@json_option
def verb(folder: Path | None, host: str, port: int, opened: bool, as_json: bool) -> None:
    """Show the whole collection in a browser.

    It serves the site from this machine until interrupted, with the catalog as JSON at /api/models and a description
    of that at /openapi.json. With --export it writes the same pages as files, which any host of files serves and a
    browser opens as they are.

    \b
    Example:
      bestiary atlas --open
      bestiary atlas --export site
    """
    if folder is not None:
        _export(folder, as_json)
        return
    from bestiary.atlas.site import server

    listening = server.listen(host, port)
    url = server.address(listening)
    if as_json:
        print_json({"url": url})
    else:
        click.echo(url)
    remark("Ctrl-C ends it")
    if opened:
        click.launch(url)
    server.serve(listening)


def _export(folder: Path, as_json: bool) -> None:
    from bestiary.atlas.site.export import export
    from bestiary.watch import watching

    with watching(bar):
        written = export(folder)
    if as_json:
        print_json({**written._asdict(), "folder": str(written.folder)})
        return
    size, seconds = f"{written.bytes / 1e6:,.1f} MB", f"{written.seconds:.1f} s"
    click.echo(f"{written.pages} pages in {written.files} files, {size}, written to {written.folder} in {seconds}")
    click.echo(f"open {(written.folder / 'index.html').as_uri()}")
