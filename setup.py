"""Package metadata. Tools are configured in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

README = Path(__file__).parent / "README.rst"

# The same as in gdpr_assist/pages.py
DOCUMENTATION = "https://django-gdpr-assist.readthedocs.io/en/stable/"

setup(
    name="django-gdpr-assist",
    version="2.0.0.dev0",
    description="Find, export and anonymise personal data in a Django project",
    # Elsewhere than beside these files, the pictures are those of the documentation.
    long_description=README.read_text(encoding="utf-8").replace("docs/pictures/", f"{DOCUMENTATION}_images/"),
    long_description_content_type="text/x-rst",
    url=DOCUMENTATION,
    project_urls={"Documentation": DOCUMENTATION},
    author="django-gdpr-assist contributors",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    packages=find_packages(include=["gdpr_assist", "gdpr_assist.*"]),
    package_data={
        "gdpr_assist": [
            "py.typed",
            "locale/*/LC_MESSAGES/*",
            "static/**/*",
            "templates/**/*",
        ],
    },
    include_package_data=False,
    zip_safe=False,
    python_requires=">=3.10",
    install_requires=[
        # 6.1.0 writes migrations that rebuild a constraint when only on_delete changed.
        "Django>=4.2,!=6.1.0",
        "django-appconf",
    ],
    extras_require={
        # A bar and tables for the commands on a terminal; without it they print lines.
        "rich": ["rich"],
        # gdpr_assist.testing: it makes rows with it.
        "testing": ["model-bakery"],
        # gdpr_inventory --format svg; its wheels bring Graphviz.
        "svg": ["pygraphviz>=2"],
        # gdpr_fakes, where a site is developed: it makes pools of invented values.
        "fakes": ["Faker"],
    },
    keywords="django gdpr privacy anonymise personal data",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Web Environment",
        "Framework :: Django",
        "Framework :: Django :: 4.2",
        "Framework :: Django :: 5.2",
        "Framework :: Django :: 6.0",
        "Framework :: Django :: 6.1",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
    ],
)
