"""Commands that ask pushed models."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import VerboseOption, console
from pipeline.names import MODEL_NAME
from pipeline.prediction.forms import Format
from pipeline.serving.options import Address, Limits

_ADDRESS = Address()
_LIMITS = Limits()


def serve_command(
    *,
    models: Annotated[
        Path,
        typer.Option("--models", help="Folder of pushed models, `ROOT/models`; watched for new versions."),
    ],
    name: Annotated[str, typer.Option("--name", help="Which of them.")] = MODEL_NAME,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 is every one of this machine.")
    ] = _ADDRESS.host,
    rest_port: Annotated[
        int, typer.Option("--rest-port", min=0, max=65535, help="REST and page.")
    ] = _ADDRESS.rest_port,
    grpc_port: Annotated[
        int, typer.Option("--grpc-port", min=0, max=65535, help="gRPC.")
    ] = _ADDRESS.grpc_port,
    poll_s: Annotated[
        float, typer.Option("--poll-s", min=0.1, help="Seconds between looks for versions.")
    ] = 2,
    body_mb: Annotated[int, typer.Option("--max-body-mb", min=1, help="MiB a request.")] = _LIMITS.body_mb,
    image_pixels: Annotated[
        int, typer.Option("--max-image-pixels", min=1, help="Height x width of an image.")
    ] = _LIMITS.image_pixels,
    images: Annotated[int, typer.Option("--max-images", min=1, help="Images a request.")] = _LIMITS.images,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Requests under way; more are told to come again.")
    ] = _LIMITS.concurrency,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Model calls at once.")] = _LIMITS.threads,
    timeout_s: Annotated[
        float, typer.Option("--timeout-s", min=0.1, help="Seconds a request may take.")
    ] = _LIMITS.timeout_s,
) -> None:
    """Serve the newest pushed model by TF Serving's REST and gRPC, with a page to try it.

    New versions take over when they are complete and warm; broken ones are named in the log and never served.
    """
    from pipeline.serving.command import serve  # noqa: PLC0415

    limits = Limits(body_mb, image_pixels, images, concurrency, threads, timeout_s)
    serve(models, name, Address(host, rest_port, grpc_port), limits, poll_s)


def predict_command(
    *,
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IMAGES]...", help="Files, folders, patterns such as 'tiles/**/*.jpg'."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; what it holds is told by --format.")
    ],
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="airbus: CSV with ImageId,EncodedPixels; geojson: outlines, in WGS84 where the place is "
            "known; coco: run lengths; coco-polygons: outlines without holes.",
        ),
    ] = Format.AIRBUS,
    list_file: Annotated[
        Path | None, typer.Option("--list", help="Text file that names further images, one a line.")
    ] = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="Folder of pushed models, `ROOT/models`.")
    ] = None,
    server: Annotated[
        str, typer.Option("--server", help="Ask a server instead, by REST: http://localhost:8501.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="Which model.")] = MODEL_NAME,
    min_pixels: Annotated[int, typer.Option("--min-pixels", min=1, help="Leave smaller ships out.")] = 1,
    beam: Annotated[
        str | None,
        typer.Option(
            "--beam",
            help="For very many images: options of a Beam runner whose workers see all files, such as "
            "'--runner=FlinkRunner --parallelism=8'.",
        ),
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Find ships on images of any size by a pushed model: as the challenge's table, GeoJSON or COCO.

    GeoTIFFs keep their coordinates and large scenes are read by windows; both need rasterio (extra `geo`).
    Files that cannot be read are listed beside the output and skipped. The same command again goes on where
    the last one was interrupted.
    """
    from pipeline.prediction.command import predict  # noqa: PLC0415

    predict(
        images or [],
        list_file=list_file,
        models=models,
        server=server,
        name=name,
        output=output,
        form=form,
        min_pixels=min_pixels,
        beam=beam,
        console=console(),
        verbose=verbose,
    )
