"""What the programs of this folder share: clients of an unmodified boto3, the simulated phones, and lines of JSON for boto3_test.go."""

import json
import os
import subprocess
import sys
import time
import traceback
import urllib.parse
import urllib.request
from contextlib import contextmanager

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

URL = os.environ['COUNTERSIGN_URL']
REGION, POOL, CLIENT = 'us-local-1', 'us-local-1_countersign', 'countersigndevclient'
ANYBODY = ('local', 'local')


def client(service, key=ANYBODY):
    """A client whose calls are made once (boto3 would repeat throttled ones) and that leaves it to the server to judge parameters. Without a key it
    signs nothing."""
    config = Config(retries={'total_max_attempts': 1}, parameter_validation=False, signature_version=None if key else UNSIGNED)
    access, secret = key or ANYBODY
    return boto3.client(service, endpoint_url=URL, region_name=REGION, aws_access_key_id=access, aws_secret_access_key=secret, config=config)


sns, eum = client('sns'), client('pinpoint-sms-voice-v2')


@contextmanager
def step(name):
    """One line for each step: what it is, and what went wrong."""
    error = ''
    try:
        yield
    except Exception:
        error = traceback.format_exc(limit=-3)
    print(json.dumps({'name': name, 'ok': not error, 'error': error}), flush=True)


def equal(got, want):
    if got != want:
        raise AssertionError(f'got {got!r}, want {want!r}')


def refused(name, status, call, **params):
    """Demands an error of boto3's own class for name, and returns its answer."""
    try:
        out = call(**params)
    except ClientError as e:
        got = type(e).__name__ if type(e) is not ClientError else e.response['Error']['Code']
        equal((got, e.response['ResponseMetadata']['HTTPStatusCode']), (name, status))
        return e.response
    raise AssertionError(f'{name} was expected, and this was answered: {out!r}')


def simulator(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + '/simulator' + path, data, method=method), timeout=30) as r:
        text = r.read()
    return json.loads(text) if text else None


def inbox(number, after=''):
    query = {'to': number, 'wait': '5s'}
    if after:
        query['after'] = after
    return simulator('GET', '/inbox?' + urllib.parse.urlencode(query))


_seen = {}


def arrived(number, fits=lambda m: True):
    """The next message to a number that nobody has read yet and that fits."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for m in inbox(number, _seen.get(number, '')):
            _seen[number] = m['id']
            if fits(m):
                return m
    raise AssertionError(f'nothing arrived at {number}')


def code(number):
    return arrived(number, lambda m: m['code'])['code']


def wrong(right):
    return right[:-1] + str((int(right[-1]) + 1) % 10)


def countersign(*args):
    """What an operator's command answers."""
    out = subprocess.run([os.environ['COUNTERSIGN_PROGRAM'], *args, '--url', URL, '--json'], capture_output=True, text=True,
                         env={**os.environ, 'COUNTERSIGN_ACCESS_KEY_ID': ANYBODY[0], 'COUNTERSIGN_SECRET_ACCESS_KEY': ANYBODY[1]})
    if out.returncode:
        raise AssertionError(f'countersign {" ".join(args)}: {out.stderr}')
    return json.loads(out.stdout)


def ended(number_end, trigger=None):
    """The newest message to a number (its last four digits), when its state is final."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for m in countersign('message', 'list', '--limit', '100')['messages']:
            if m['to'].endswith(number_end) and trigger in (None, m['trigger_source']) and m['state'] not in ('new', 'queued', 'sending'):
                return countersign('message', 'show', m['id'])
        time.sleep(0.1)
    raise AssertionError(f'no message to …{number_end} ended')


def main(*parts):
    for part in parts:
        part()
    sys.exit(0)
