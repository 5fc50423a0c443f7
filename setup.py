"Reads settings.ini, the only source of metadata and requirements."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup, find_packages

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'].split(),
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], license='Apache-2.0',
    packages=find_packages(include=['skelalign*']), package_data={cfg['lib_path']: ['weights/*/*']}, include_package_data=True, python_requires='>=' + cfg['min_python'],
    install_requires=cfg['requirements'].split(), extras_require={k.removesuffix('_requirements'): v.split() for k, v in cfg.items() if k.endswith('_requirements')},
    long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown', zip_safe=False,
    entry_points={'nbdev': [f"{cfg['lib_path']}={cfg['lib_path']}._modidx:d"], 'console_scripts': cfg['console_scripts'].split()},
)
