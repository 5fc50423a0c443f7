# `make lab` puts this folder on Jupyter's path: a notebook is cleaned as it is saved, so that `make test` finds nothing to clean.
def clean(model, **_):
    from nbdev.clean import clean_nb
    from nbdev.config import get_config
    if model['type'] == 'notebook': clean_nb(model['content'], allowed_cell_metadata_keys=get_config().get('allowed_cell_metadata_keys').split())

c.ContentsManager.pre_save_hook = clean
