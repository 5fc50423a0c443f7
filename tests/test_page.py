"The page of two performances in a real browser: it is looked at, moved, played and asked. Runs where Chromium or Chrome is installed."
import base64, io, json, shutil, subprocess, time
from dataclasses import replace
from types import SimpleNamespace
import numpy as np, PIL.Image, pytest
from skelalign.clip import COCO17
from skelalign.page import page_data, write_page
from skelalign.simulate import TABLES, correspondence, simulate

BROWSER = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'chrome-headless-shell', 'microsoft-edge'))), None)
EVIL = '</script><b onmouseover=alert(1)>&"\'<img src=x onerror=alert(2)>\u2028{{data}}'

class Browser:
    "One page of a headless Chromium, driven through its DevTools protocol."
    def __init__(self, folder):
        websocket = pytest.importorskip('websocket', reason='the package websocket-client, which comes with jupyterlab, talks to the browser')
        flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', '--no-first-run', '--disable-background-networking', '--remote-debugging-port=0', '--remote-allow-origins=*']
        self.log = open(folder/'browser.log', 'wb'); self.process = subprocess.Popen([BROWSER, *flags, f'--user-data-dir={folder/"profile"}', 'about:blank'], stdout=self.log, stderr=self.log)
        port = folder/'profile'/'DevToolsActivePort'; end = time.time() + 60
        while not (port.exists() and len(port.read_text().split()) == 2):
            if time.time() > end or self.process.poll() is not None: self.close(); pytest.skip(f'{BROWSER} does not start here: {(folder/"browser.log").read_text(errors="replace")[-300:]}')
            time.sleep(.05)
        number, route = port.read_text().split(); self.socket = websocket.create_connection(f'ws://127.0.0.1:{number}{route}', timeout=60, suppress_origin=True)
        self.count, self.events, self.session = 0, [], None
        target = self.say('Target.createTarget', url='about:blank')['targetId']; self.session = self.say('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for part in ('Page', 'Runtime', 'Log', 'Network'): self.say(f'{part}.enable')
    def say(self, method, **params):
        "Send a command and wait for its answer; what happens meanwhile is kept."
        self.count += 1; self.socket.send(json.dumps(dict(id=self.count, method=method, params=params) | ({'sessionId': self.session} if self.session else {})))
        while True:
            got = json.loads(self.socket.recv())
            if got.get('id') == self.count: assert 'error' not in got, got; return got['result']
            self.events.append(got)
    def js(self, code):
        "The value of an expression in the page."
        got = self.say('Runtime.evaluate', expression=code, returnByValue=True, awaitPromise=True); assert 'exceptionDetails' not in got, got
        return got['result'].get('value')
    def open(self, path, width=1000, height=900, dark=False, phone=False):
        self.events.clear(); self.say('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone); self.say('Emulation.setTouchEmulationEnabled', enabled=phone)
        self.say('Emulation.setEmulatedMedia', features=[dict(name='prefers-color-scheme', value='dark' if dark else 'light')])
        self.say('Page.navigate', url=path.as_uri()); self.until("document.readyState === 'complete'")
    def until(self, condition, seconds=30):
        end = time.time() + seconds
        while not self.js(condition): assert time.time() < end, f'never true: {condition}'; time.sleep(.05)
    def key(self, key, shift=False):
        extra = dict(text=' ', unmodifiedText=' ') if key == ' ' else {}
        for kind in ('keyDown', 'keyUp'): self.say('Input.dispatchKeyEvent', type=kind, key=key, code='Space' if key == ' ' else key, windowsVirtualKeyCode={' ': 32, 'ArrowLeft': 37, 'ArrowRight': 39, 'Home': 36, 'End': 35, 'Tab': 9}[key], modifiers=8 * shift, **(extra if kind == 'keyDown' else {}))
    def mouse(self, kind, x, y, button='none'): self.say('Input.dispatchMouseEvent', type=kind, x=x, y=y, button=button, buttons=int(button == 'left'), clickCount=int(button == 'left'))
    def troubles(self):
        "What the console complained about, and what was asked of a network."
        bad = [e for e in self.events if e.get('method') == 'Runtime.exceptionThrown' or (e.get('method') == 'Log.entryAdded' and e['params']['entry']['level'] in ('error', 'warning')) or (e.get('method') == 'Runtime.consoleAPICalled' and e['params']['type'] in ('error', 'warning', 'assert'))]
        asked = [u for e in self.events if e.get('method') == 'Network.requestWillBeSent' and not (u := e['params']['request']['url']).startswith(('file:', 'data:'))]
        return bad, asked
    def shot(self): return np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(self.say('Page.captureScreenshot')['data']))).convert('RGB'))
    def state(self): return self.js("({at: +document.querySelector('#at').value, a: document.querySelector('#a').toDataURL(), b: document.querySelector('#b').toDataURL(), said: document.querySelector('#at').getAttribute('aria-valuetext'), badge: !document.querySelector('.badge').hidden})")
    def close(self):
        self.process.terminate()
        try: self.process.wait(20)
        except subprocess.TimeoutExpired: self.process.kill(); self.process.wait()
        self.log.close()

@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    if BROWSER is None: pytest.skip('no Chromium or Chrome on the PATH to look at the page with')
    it = Browser(tmp_path_factory.mktemp('browser')); yield it; it.close()

def pair(action='overhead_throw', seed=4, **style):
    "Two performances and the truth about them."
    pa, pb = simulate(action, 2, seed=seed, **style); truth = correspondence(pa, pb); at = np.flatnonzero(np.isfinite(truth))
    return SimpleNamespace(a=pa.clip, b=pb.clip, partner=truth, path=np.stack([at, np.rint(truth[at])], 1).astype(int), similarity=None, confidence=np.where(np.isfinite(truth), .87, 0.), matched=np.isfinite(truth), method='by hand')

def strange(al, parts=('left arm', 'right arm', 'left leg', 'right leg', 'trunk', 'head')):
    "A deviation whose first part is unusual in ten frames."
    T, P = len(al.a), len(parts); p = np.full((T, P), .5); p[40:50, -1] = .0005; p[0, 1] = np.nan
    return SimpleNamespace(frame=np.linspace(0, 1, T), frame_p=np.full(T, .3), names=parts, part=np.arange(T * P).reshape(T, P) / 100, p=p)

@pytest.fixture(scope='module')
def page(tmp_path_factory):
    al = pair(); return al, write_page(al, tmp_path_factory.mktemp('page')/'pair.html', strange(al), TABLES['overhead_throw'].names)

def test_both_figures_follow_slider_and_keys(browser, page):
    al, path = page; browser.open(path); data = page_data(al); n = len(data['a']); first = browser.state()
    assert first['at'] == 0 and first['badge'] == (not data['ok'][0]) and browser.js("+document.querySelector('#at').max") == n - 1
    middle = int(np.median(np.flatnonzero(data['ok']))) # the slider is moved as a hand does: the value changes and an event says so
    browser.js(f"(() => {{ const s = document.querySelector('#at'); s.value = {middle}; s.dispatchEvent(new Event('input', {{bubbles: true}})) }})()")
    moved = browser.state(); assert moved['at'] == middle and moved['a'] != first['a'] and moved['b'] != first['b'] and not moved['badge']
    assert f"frame {data['a'][middle]} of " in moved['said'] and f"frame {data['b'][middle]} of " in moved['said'] and 'confidence 0.87' in moved['said']
    before = moved
    for key, shift, at in (('ArrowRight', False, middle + 1), ('ArrowRight', True, middle + 11), ('ArrowLeft', False, middle + 10), ('End', False, n - 1), ('ArrowRight', False, n - 1), ('Home', False, 0), ('ArrowLeft', False, 0)):
        browser.key(key, shift); after = browser.state(); assert after['at'] == at, (key, after['at']); assert (after['a'] != before['a']) == (at != before['at']); before = after
    assert browser.troubles() == ([], [])

def test_a_mouse_on_the_slider_and_on_the_strips(browser, page):
    al, path = page; browser.open(path); box = lambda q: browser.js(f"(b => [b.left, b.top, b.width, b.height])(document.querySelector('{q}').getBoundingClientRect())")
    x, y, w, h = box('#at'); browser.mouse('mousePressed', x + w / 2, y + h / 2, 'left'); browser.mouse('mouseReleased', x + w / 2, y + h / 2, 'left')
    n = len(page_data(al)['a']); assert abs(browser.state()['at'] - n / 2) < 3
    browser.key('ArrowRight'); assert abs(browser.state()['at'] - n / 2) < 4 and browser.js("document.activeElement.id") == 'at' # one step, though the slider has the focus
    x, y, w, h = box('#lanes'); old = browser.state()
    browser.mouse('mousePressed', x + w * .1, y + 5, 'left'); browser.mouse('mouseMoved', x + w * .25, y + 5, 'left'); assert abs(browser.state()['at'] - n * .25) < 2 and browser.state()['a'] != old['a']
    browser.mouse('mouseReleased', x + w * .25, y + 5, 'left'); browser.mouse('mouseMoved', x + w * .6, y + h - 6); assert abs(browser.state()['at'] - n * .25) < 2 # let go: it only tells
    tip = browser.js("document.querySelector('#tip').textContent"); assert 'head: ' in tip and 'p = 0.5' in tip and 'frame ' in tip and not browser.js("document.querySelector('#tip').hidden")
    t = page_data(al)['a'].index(45); browser.mouse('mouseMoved', x + w * (t + .5) / n, y + h - 15); assert 'head: ' in (tip := browser.js("document.querySelector('#tip').textContent")) and 'p < .001' in tip, tip
    x, y, w, h = box('#a'); old = browser.state()['at']; browser.mouse('mousePressed', x + w / 2, y + h / 2, 'left'); browser.mouse('mouseMoved', x + w * .7, y + h / 2, 'left'); browser.mouse('mouseReleased', x + w * .7, y + h / 2, 'left')
    assert abs(browser.state()['at'] - old - .2 * n) < 2; assert browser.troubles() == ([], [])

def test_it_plays_pauses_and_ends(browser, page):
    al, path = page; browser.open(path); browser.key(' '); browser.until("+document.querySelector('#at').value > 2"); assert browser.js("document.querySelector('#play').textContent") == 'Pause'
    browser.key(' '); still = browser.state()['at']; time.sleep(.3); assert browser.state()['at'] == still and browser.js("document.querySelector('#play').textContent") == 'Play'
    browser.key('End'); browser.key('ArrowLeft'); browser.js("document.querySelector('#play').click()"); browser.until("document.querySelector('#play').textContent === 'Play'")
    n = len(page_data(al)['a']); assert browser.state()['at'] == n - 1
    browser.js("document.querySelector('#speed').value = '2'; document.querySelector('#play').click()"); browser.until("+document.querySelector('#at').value > 5 && +document.querySelector('#at').value < 100"); browser.key(' ') # from the start again
    assert browser.troubles() == ([], [])

def test_a_finger_on_a_phone_at_night(browser, page):
    al, path = page; browser.open(path, 360, 740, dark=True, phone=True)
    assert browser.js('document.documentElement.scrollWidth') <= 360, 'nothing sticks out'
    night = browser.shot(); assert night[:40].mean() < 60
    x, y, w, h = browser.js("(b => [b.left, b.top, b.width, b.height])(document.querySelector('#b').getBoundingClientRect())"); old = browser.state()
    for kind, at in (('touchStart', .2), ('touchMove', .4), ('touchMove', .8), ('touchEnd', None)): browser.say('Input.dispatchTouchEvent', type=kind, touchPoints=[] if at is None else [dict(x=x + w * at, y=y + h / 2)])
    new = browser.state(); assert new['at'] > old['at'] + 5 and new['a'] != old['a']
    browser.js("window.night = document.querySelector('#a').toDataURL()"); browser.say('Emulation.setEmulatedMedia', features=[dict(name='prefers-color-scheme', value='light')])
    browser.until("getComputedStyle(document.body).backgroundColor === 'rgb(246, 247, 249)' && document.querySelector('#a').toDataURL() !== window.night") # the figures change their colours with the page
    assert browser.state()['at'] == new['at'] and browser.shot()[:40].mean() > 200
    assert browser.troubles() == ([], [])

def test_what_cannot_be_seen_is_said(browser, page):
    _, path = page; browser.open(path)
    tree = browser.say('Accessibility.getFullAXTree')['nodes']; named = {(n['role']['value'], n['name']['value']) for n in tree if not n.get('ignored') and n.get('name', {}).get('value')}
    assert {('slider', 'Position along the path'), ('button', 'Play')} <= named and any(r == 'combobox' and 'Speed' in n for r, n in named), named
    assert sum(r in ('image', 'img') for r, _ in named) == 3 and browser.js('document.documentElement.lang') == 'en' and browser.js('document.title').endswith('in step')
    order = []
    for _ in range(4): browser.key('Tab'); order.append(browser.js("document.activeElement.id || document.activeElement.tagName"))
    assert order == ['play', 'at', 'speed', 'SUMMARY']
    browser.js("document.querySelector('#play').focus()"); browser.key(' '); assert browser.js("document.querySelector('#play').textContent") == 'Pause'; browser.key(' '); assert browser.js("document.querySelector('#play').textContent") == 'Play', 'a press of the button counts once'

def test_names_stay_text(browser, tmp_path):
    al = pair(); al.a, al.b, al.method = replace(al.a, id=EVIL), replace(al.b, id='{{script}} ' + EVIL), EVIL
    path = write_page(al, tmp_path/'evil.html', strange(al, (EVIL, 'left_arm')), [EVIL] * 9); source = path.read_text()
    assert source.count('</script>') == 2 and '<b onmouseover' not in source and '<img' not in source
    browser.open(path); browser.key('End'); assert browser.js("document.querySelector('figure b').textContent") == EVIL and browser.js("document.title").startswith(EVIL.split('\u2028')[0][:30])
    assert browser.js("document.querySelectorAll('b').length") == 2 and browser.js("document.querySelectorAll('img').length") == 0 and browser.state()['at'] == len(page_data(al)['a']) - 1
    assert browser.troubles() == ([], [])

@pytest.mark.parametrize('kind', ['no match at all', 'one frame', 'one joint', 'nobody', 'without phases', 'no path', 'coco17 and penn13'])
def test_odd_alignments(browser, tmp_path, kind):
    al = pair(); clear = dict(partner=np.full(len(al.a), np.nan), matched=np.zeros(len(al.a), bool), path=np.zeros((0, 2), int), confidence=np.full(len(al.a), np.nan))
    if kind == 'no match at all': vars(al).update(clear)
    if kind == 'one frame': one = lambda c: replace(c, keypoints=c.keypoints[:1], score=c.score[:1], time=c.time[:1], phases=c.phases[:1]); al = SimpleNamespace(**vars(al) | dict(a=one(al.a), b=one(al.b), partner=np.zeros(1), matched=np.ones(1, bool), path=np.zeros((1, 2), int), confidence=np.ones(1)))
    if kind == 'one joint': s = np.zeros_like(al.b.score); s[:, 3] = .2; al.b = replace(al.b, score=s)
    if kind == 'nobody': al.b = replace(al.b, score=np.zeros_like(al.b.score))
    if kind == 'without phases': al.a, al.b = replace(al.a, phases=None), replace(al.b, phases=None)
    if kind == 'no path': al.path = None
    if kind == 'coco17 and penn13': al.b = pair(joints=COCO17).b
    browser.open(write_page(al, tmp_path/'odd.html')); n = len(page_data(al)['a']); first = browser.state(); browser.key('End'); last = browser.state()
    assert first['at'] == 0 and last['at'] == n - 1 and (n == 1 or first['a'] != last['a']) and last['badge'] == (not page_data(al)['ok'][-1]); browser.key(' '); assert browser.troubles() == ([], [])
