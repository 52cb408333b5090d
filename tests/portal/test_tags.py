import json
import re
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.contrib.messages import constants
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from portal.design import blocks, icons, lists, states, values

ROOT = Path(__file__).resolve().parents[2]


class AccountForm(forms.Form):
    name = forms.CharField(label="Legal name", help_text="As registered.")
    website = forms.CharField(label="Website", required=False)
    state = forms.ChoiceField(label="State", choices=[("APPROVED", "Approved"), ("REJECTED", "Rejected")])
    ownership = forms.ChoiceField(label="Ownership", choices=[("PUBLIC", "Public")], widget=forms.RadioSelect)
    founded_on = forms.DateField(label="Founded", widget=forms.SelectDateWidget(years=(2026,)))
    is_ready = forms.BooleanField(label="I confirm that this is true.")
    secret = forms.CharField(label="Password", widget=forms.PasswordInput)


def render(source: str, path: str = "/", **context: object) -> str:
    request = RequestFactory().get(path)
    return Template("{% load portal %}" + source).render(Context({"request": request, **context}))


def test_every_icon_is_drawn_without_a_namespace_prefix():
    shapes = icons._icons()

    assert {"check", "close", "merchant", "identity"} <= shapes.keys()
    assert not [name for name, drawn in shapes.items() if "ns0" in drawn or not drawn.startswith("<")]


def test_an_icon_is_decorative_unless_it_has_a_label():
    assert 'aria-hidden="true"' in icons.icon("check")
    assert 'role="img" aria-label="Done &amp; dusted"' in icons.icon("check", label="Done & dusted")


def test_an_unknown_icon_is_refused_by_name():
    with pytest.raises(LookupError, match="no icon is called 'unicorn'"):
        icons.icon("unicorn")


def test_templates_name_only_icons_that_exist():
    named = {
        (path.name, name)
        for path in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r'{% icon "([^"]+)"', path.read_text())
    }

    assert named
    assert [pair for pair in named if pair[1] not in icons._icons()] == []


def test_templates_hold_no_inline_style_or_script():
    offending = [
        path.name
        for path in (ROOT / "templates").rglob("*.html")
        if re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:", path.read_text())
    ]

    assert offending == []


def test_style_sheets_take_colours_from_the_tokens_only():
    own = {"base.css", "components.css", "forms.css", "print.css", "shell.css"}
    named = re.compile(r"(?:^|[\s:(,])(#[0-9a-f]{3,8}|rgb\([^)]*\))", re.IGNORECASE)
    found = {
        (name, colour)
        for name in own
        for colour in named.findall((ROOT / "static/portal" / name).read_text())
        if colour not in {"#fff", "#000"}
    }

    # The panel beside the sign-in form is a picture: it looks the same in the light and in the dark.
    assert found == {("shell.css", "#07323b"), ("shell.css", "#eef6f6")}


@pytest.mark.parametrize(
    ("state", "tone", "words"),
    [
        ("SUCCEEDED", "positive", "Succeeded"),
        ("PENDING", "warning", "Pending"),
        ("UPDATE_REQUESTED", "warning", "Update requested"),
        ("FAILED", "negative", "Failed"),
        ("open", "info", "Open"),
        ("CANCELED", "neutral", "Canceled"),
        ("SOMETHING_NEW", "neutral", "Something new"),
        (True, "positive", "Enabled"),
        (False, "neutral", "Disabled"),
    ],
)
def test_badge_has_tone_sign_and_words(state, tone, words):
    badge = states.badge(state)

    assert f'class="badge badge-{tone}"' in badge
    assert "<svg" in badge
    assert badge.endswith(f"</svg>{words}</span>")


def test_no_state_has_two_tones():
    toned = [state for group in states.TONES.values() for state in group]

    assert len(toned) == len(set(toned))


def test_badge_escapes_its_label():
    assert "&lt;b&gt;" in states.badge("PENDING", label="<b>")


def test_tag_has_words_and_no_sign():
    assert states.tag("Merchant & co") == '<span class="tag">Merchant &amp; co</span>'


def test_badge_of_nothing_says_so():
    assert states.badge(None) == '<span class="faint">None</span>'


@pytest.mark.parametrize(
    ("amount", "currency", "figures"),
    [
        (123450, "USD", "1,234.50"),
        (5, "USD", "0.05"),
        (0, "CAD", "0.00"),
        (-2310, "USD", "\N{MINUS SIGN}23.10"),
        (1500, "JPY", "1,500"),
        (1500, "KWD", "1.500"),
        (99999999999999999, "USD", "999,999,999,999,999.99"),
    ],
)
def test_money_shows_minor_units_in_currency_units(amount, currency, figures):
    assert (
        values.money(amount, currency)
        == f'<span class="money">{figures} <span class="currency">{currency}</span></span>'
    )


def test_moment_names_its_zone():
    moment = datetime(2026, 11, 20, 4, 56, 12, tzinfo=UTC)

    assert values.moment(moment) == (
        '<time datetime="2026-11-20T04:56:12Z" title="2026-11-20 04:56:12 UTC">'
        '<span>20 Nov 2026,</span> <span>04:56 <span class="zone">UTC</span></span></time>'
    )


def test_moment_follows_the_readers_zone_and_keeps_utc_for_machines():
    moment = datetime(2026, 11, 20, 4, 56, 12, tzinfo=UTC)

    with timezone.override(ZoneInfo("America/New_York")):
        shown = values.moment(moment)

    assert 'datetime="2026-11-20T04:56:12Z"' in shown
    assert "<span>19 Nov 2026,</span> <span>23:56" in shown
    assert '<span class="zone">EST</span>' in shown


def test_day_has_no_time():
    assert values.day(date(2026, 3, 1)) == '<time datetime="2026-03-01">1 Mar 2026</time>'


@pytest.mark.parametrize(
    "filtered", [values.moment(None), values.day(None), values.money(None, "USD"), values.or_none("")]
)
def test_what_is_missing_is_read_aloud(filtered):
    assert '<span class="visually-hidden">None</span>' in filtered


def test_or_none_keeps_zero():
    assert values.or_none(0) == 0


@pytest.mark.parametrize(
    ("person", "letters"), [("Rosalind Achterberg", "RA"), ("rosa.lind@example.com", "rl"), ("x", "x"), ("", "?")]
)
def test_initials(person, letters):
    assert values.initials(person) == letters


def test_query_changes_adds_and_removes():
    changed = render('{% query "amount.gte" 5 state=None page=2 %}', "/?state=PENDING&tag=a&tag=b")

    assert unescape(changed) == "?tag=a&tag=b&amount.gte=5&page=2"


def test_query_without_parameters_still_leaves_the_page_clean():
    assert render("{% query state=None %}", "/?state=PENDING") == "?"


def test_sort_header_starts_with_the_newest_and_turns_around():
    source = '{% sort_header "Created" "created_at" %}'

    unsorted, newest, oldest = (
        unescape(render(source, path))
        for path in ("/?after=IDx&state=A", "/?sort=created_at,desc", "/?sort=created_at,asc")
    )

    assert 'aria-sort="none"' in unsorted
    assert 'href="?state=A&sort=created_at%2Cdesc"' in unsorted
    assert 'aria-sort="descending"' in newest
    assert 'href="?sort=created_at%2Casc"' in newest
    assert 'aria-sort="ascending"' in oldest
    assert 'href="?sort=created_at%2Cdesc"' in oldest


def test_filter_chips_take_out_one_value_each_and_speak_in_words():
    shown = unescape(
        render("{% filter_chips form %}", "/?state=APPROVED&name=Rye&after=IDx&website=&sort=x", form=AccountForm())
    )

    assert re.search(r"State:</span>\s+Approved\s", shown)
    assert 'aria-label="Remove filter State: Approved"' in shown
    assert 'href="?name=Rye&sort=x"' in shown
    assert 'href="?state=APPROVED&sort=x"' in shown
    assert "Website" not in shown


def test_filter_chips_are_absent_without_filters():
    assert render("{% filter_chips form %}", form=AccountForm()).strip() == ""


def test_filter_count_counts_values():
    assert render("{% filter_count form %}", "/?state=APPROVED&name=Rye&sort=x", form=AccountForm()) == "2"


class IdentityFilterForm(forms.Form):
    created_at__gte = forms.CharField(label="Created from")
    tags__key = forms.CharField(label="Tag")
    name = forms.CharField(label="Name")
    q = forms.CharField(label="Search")


def test_filter_panel_begins_with_what_a_row_is_and_ends_with_when_it_was_made():
    groups = lists.filter_groups(IdentityFilterForm(), "q")

    assert [[bound.name for bound in group] for group in groups] == [["name", "tags__key"], ["created_at__gte"]]
    assert lists.filter_groups(forms.Form()) == []


def test_search_button_stands_between_its_field_and_the_filters():
    shown = render(
        '{% include "portal/components/_filters.html" with form=form search="q" %}', form=IdentityFilterForm()
    )

    order = [shown.index(part) for part in ('type="search"', ">Search</button>", "<summary", ">Apply filters<")]
    assert order == sorted(order)


def test_table_has_caption_rows_to_tick_and_a_class_of_its_own():
    shown = render(
        '{% include "portal/components/_table.html" with selectable=True caption="People" css="table-dense" %}',
        columns=[{"label": "Name"}, {"label": "Role"}],
        rows=[{"url": "/p/1", "key": "P1", "label": "Ada", "cells": ["Ada", None]}],
    )

    assert '<table class="table table-dense"' in shown
    assert ">People</caption>" in shown
    assert 'name="selected"' in shown
    assert 'aria-label="Select Ada"' in shown
    assert 'class="no-value"' in shown


def test_timeline_names_a_program_by_its_id_and_leads_to_it():
    entries = [
        {"title": "Identity updated", "at": None, "by": "USabc", "is_by_program": True, "by_url": "/keys/USabc/"},
        {"title": "Identity updated", "at": None, "by": "USdef", "is_by_program": True, "by_url": ""},
        {"title": "Identity created", "at": None, "by": "Ada"},
    ]

    shown = re.sub(r"\s+", " ", render('{% include "portal/components/_timeline.html" %}', entries=entries))

    assert '<a href="/keys/USabc/"><code>USabc</code></a>' in shown
    assert "by <code>USdef</code>" in shown
    assert "by Ada" in shown


def test_field_ties_label_hint_and_control_together():
    shown = render("{% field form.name autocomplete='organization' %}", form=AccountForm())

    assert '<label for="id_name">Legal name</label>' in shown
    assert 'aria-describedby="id_name-hint"' in shown
    assert '<p class="field-hint" id="id_name-hint">As registered.</p>' in shown
    assert 'autocomplete="organization"' in shown
    assert 'class="input"' in shown
    assert "aria-invalid" not in shown


def test_field_puts_its_error_beside_the_control():
    shown = render("{% field form.name autofocus=True %}", form=AccountForm({"name": ""}))

    assert 'aria-invalid="true"' in shown
    assert 'aria-describedby="id_name-error id_name-hint"' in shown
    assert 'id="id_name-error"' in shown
    assert "This field is required." in shown
    assert "autofocus" not in shown


def test_field_marks_what_is_optional():
    form = AccountForm()

    assert "(optional)" in render("{% field form.website %}", form=form)
    assert "(optional)" not in render("{% field form.website mark_optional=False %}", form=form)


def test_field_of_choices_is_a_group_with_a_legend():
    shown = render("{% field form.ownership %}", form=AccountForm({}))

    assert '<fieldset class="field" aria-describedby="id_ownership-error">' in shown
    assert '<legend class="field-label">Ownership</legend>' in shown
    assert '<label for="id_ownership_0">Public</label>' in shown


def test_field_of_a_date_names_each_part():
    shown = render("{% field form.founded_on %}", form=AccountForm())

    assert re.findall(r'aria-label="(\w+)"', shown) == ["Month", "Day", "Year"]


def test_field_of_a_password_can_be_shown():
    shown = render("{% field form.secret %}", form=AccountForm())

    assert 'data-reveal="#id_secret"' in shown
    assert 'aria-label="Show password"' in shown


def test_switch_is_a_check_box_before_its_label():
    shown = render("{% field form.is_ready switch=True %}", form=AccountForm())

    assert re.search(r'<input type="checkbox"[^>]*class="switch"', shown)
    assert "(optional)" not in shown


def test_form_errors_link_to_the_controls():
    form = AccountForm({"name": "", "website": "", "state": "APPROVED", "secret": "x"})

    shown = render("{% form_errors form %}", form=form)

    assert "4 things need your attention" in shown
    assert re.findall(r'href="#([^"]+)"', shown) == ["id_name", "id_ownership_0", "id_founded_on_month", "id_is_ready"]
    assert "I confirm that this is true: This field is required." in shown


class TwoAddressesForm(forms.Form):
    name = forms.CharField(label="Name:")
    home = forms.CharField(label="Street")
    work = forms.CharField(label="Street")

    def section_of(self, name):
        return {"home": "Home address", "work": "Work address"}.get(name, "Person")


def test_form_errors_tell_fields_of_one_label_apart_by_their_section():
    shown = render("{% form_errors form %}", form=TwoAddressesForm({}))

    assert re.findall(r">([^<]+): This field is required", shown) == [
        "Name",
        "Home address, street",
        "Work address, street",
    ]


def test_field_leaves_the_colon_of_a_label_away():
    assert '<label for="id_name">Name</label>' in render("{% field form.name %}", form=TwoAddressesForm())


def test_form_errors_are_absent_while_the_form_is_in_order():
    assert render("{% form_errors form %}", form=AccountForm()).strip() == ""


def test_json_block_shows_and_copies_the_same_document():
    document = {
        "name": '<b>"quoted" & é</b>',
        "amounts": [1, 2.5, -3],
        "none": None,
        "flag": True,
        "empty": {},
        "l": [],
    }

    shown = render("{% json_block document 'Raw' %}", document=document)

    listing = shown.split("<code>")[1].split("</code>")[0]
    assert json.loads(unescape(re.sub(r"</?span[^>]*>", "", listing))) == document
    assert json.loads(unescape(re.search(r'data-copy="([^"]*)"', shown)[1])) == document
    assert "<b>" not in shown


def test_dialog_wraps_its_content_and_can_be_shown_at_once():
    source = '{% dialog "edit" title="Edit merchant" shown=shown %}<p>Sure?</p>{% enddialog %}'

    closed, opened = render(source, shown=False), render(source, shown=True)

    assert 'id="edit"' in closed
    assert 'aria-labelledby="edit-title"' in closed
    assert "<p>Sure?</p>" in closed
    assert "data-dialog-shown" not in closed
    assert "open data-dialog-shown" in re.sub(r"\s+", " ", opened)


def test_card_escapes_its_title_and_keeps_its_content():
    shown = render("{% card title=title %}<p>{{ text }}</p>{% endcard %}", title="A & B", text="<x>")

    assert '<h2 id="a-b-title">A &amp; B</h2>' in shown
    assert "<p>&lt;x&gt;</p>" in shown


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (constants.SUCCESS, "success"),
        (constants.ERROR, "error"),
        (constants.WARNING, "warning"),
        (constants.INFO, "info"),
    ],
)
def test_message_level_comes_from_the_tags(level, name):
    assert blocks.message_level(f"extra {constants.DEFAULT_TAGS[level]}") == name


def test_pair_reads_columns_beside_cells():
    assert values.pair(["a", "b"], [1, 2]) == [("a", 1), ("b", 2)]
    assert values.pair(None, [1]) == []
