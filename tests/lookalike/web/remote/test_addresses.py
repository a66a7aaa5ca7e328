"""Which URLs are taken, and which addresses are public."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.web.http.problems import Problem
from lookalike.web.remote.addresses import Target, is_public, parse


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://example.com", Target("http", "example.com", 80, "/")),
        ("HTTPS://Example.COM./a/b?c=d#e", Target("https", "example.com", 443, "/a/b?c=d")),
        ("http://example.com:8080/cat.jpg", Target("http", "example.com", 8080, "/cat.jpg")),
        ("http://example.com:/cat.jpg", Target("http", "example.com", 80, "/cat.jpg")),
        ("http://93.184.216.34/x", Target("http", "93.184.216.34", 80, "/x")),
        ("http://[2606:2800:220:1:248:1893:25C8:1946]/", Target("http", "2606:2800:220:1:248:1893:25c8:1946", 80, "/")),
        ("http://bücher.example/ä%20b?q=ü", Target("http", "xn--bcher-kva.example", 80, "/%C3%A4%20b?q=%C3%BC")),
        ("http://例え.テスト/", Target("http", "xn--r8jz45g.xn--zckzah", 80, "/")),
        ("http://my_bucket.s3.example/k", Target("http", "my_bucket.s3.example", 80, "/k")),
        ("http://example.com?q", Target("http", "example.com", 80, "/?q")),
    ],
)
def test_a_url_is_taken_apart(url: str, target: Target) -> None:
    assert parse(url) == target
    assert parse(target.url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cat.jpg",
        "//example.com/cat.jpg",
        "file:///etc/passwd",
        "gopher://example.com/_GET",
        "ftp://example.com/cat.jpg",
        "data:image/png;base64,iVBORw0KGgo=",
        "javascript:alert(1)",
        "http://",
        "http:///cat.jpg",
        "http://./",
        "http://:80/",
        "http:example.com",
        "http://example.com:99999/",
        "http://example.com:-1/",
        "http://example.com:８０/",
        "http://example.com:x/",
        "http://example.com/a b",
        "http://example.com/\r\nX-Evil: 1",
        "http://exam\nple.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com/\x00",
        "http://[::1",
        "http://[1:2]/",
        "http://[::1].example.com/",
        "http://[example.com]/",
        "http://[fe80::1%25eth0]/",
        "http://exa%6dple.com/",
        "http://-example.com/",
        "http://a..b/",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 150 + "example/",
        "http://example.com/" + "a" * 8000,
        "http://☃\u200b..example/",
    ],
)
def test_what_is_no_url_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(url)
    assert (caught.value.status, caught.value.code) == (400, "url-refused")


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "1.2.3.4.5"])
def test_a_number_is_no_address_in_any_other_form_than_four_decimal_ones(host: str) -> None:
    with pytest.raises(Problem, match="four decimal numbers"):
        parse(f"http://{host}/")


@pytest.mark.parametrize("host", ["①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.０.０.１"])
def test_digits_in_other_clothes_are_digits(host: str) -> None:
    assert parse(f"http://{host}/").address == IPv4Address("127.0.0.1")


@pytest.mark.parametrize("host", ["256.0.0.1", "1.2.3.999"])
def test_four_numbers_have_to_be_an_address(host: str) -> None:
    with pytest.raises(Problem, match="not an IPv4 address"):
        parse(f"http://{host}/")


def test_a_password_is_refused_and_not_repeated() -> None:
    for url in ("http://me:secret@example.com/", "http://secret@example.com/", "http://secret@[::1]x/"):
        with pytest.raises(Problem) as caught:
            parse(url)
        assert "secret" not in str(caught.value.document())


@pytest.mark.parametrize("port", [0, 21, 22, 25, 79, 81, 110, 445, 587, 1023, 2049, 5060, 6000, 6667, 10080])
def test_ports_of_other_protocols_are_not_asked(port: int) -> None:
    with pytest.raises(Problem) as caught:
        parse(f"http://example.com:{port}/")
    assert (caught.value.status, caught.value.code) == (403, "url-refused")


def test_the_host_header_has_the_port_where_it_is_not_the_usual_one() -> None:
    assert parse("http://example.com:80/").authority == "example.com"
    assert parse("https://example.com:80/").authority == "example.com:80"
    assert parse("http://[2606::1]:8080/").authority == "[2606::1]:8080"


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "93.184.216.34", "100.63.255.255", "172.15.0.1", "172.32.0.1", "169.253.0.1", "11.0.0.1",
        "2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888",
        "::ffff:8.8.8.8", "64:ff9b::808:808",
    ],
)  # fmt: skip
def test_hosts_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1",
        "169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.0.9", "192.0.0.192",
        "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "::7f00:1", "::808:808", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "100::1",
        "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1",
        "5f00::1", "4000::1", "64:ff9b:1::808:808", "fe80::1%eth0", "2606::1%eth0",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1",
        "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:c0a8:1",
    ],
)  # fmt: skip
def test_all_other_addresses_are_not(address: str) -> None:
    assert not is_public(ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_within_another_counts_as_itself(address: IPv4Address) -> None:
    assert is_public(IPv6Address(f"::ffff:{address}")) == is_public(address)
    assert is_public(IPv6Address(int(IPv6Address("64:ff9b::")) + int(address))) == is_public(address)
    assert not is_public(IPv6Address(int(IPv6Address("2002::")) + (int(address) << 80)))


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_comes_is_taken_or_refused(host: str, rest: str) -> None:
    for url in (host, f"http://{host}", f"https://{host}/{rest}", f"http://{host}:{rest}"):
        try:
            target = parse(url)
        except Problem:
            continue
        assert parse(target.url) == target
        assert target.url.isascii()
        assert not set(target.url) & set(" \r\n\t\\@") - {"@"}
